import { rm } from "node:fs/promises";
import { join } from "node:path";
import { audioFormats } from "../../core/kinds/audio-formats.ts";
import type { StitchParams } from "../../core/kinds/index.ts";
import { limits } from "../../core/limits.ts";
import type { Measurement, Warning } from "../../core/report.ts";
import { Doubt } from "../media/fast-join/doubt.ts";
import { type FastJoin, joinMp3 } from "../media/fast-join/join-mp3.ts";
import { measureWhole } from "../media/fast-join/measure-joined.ts";
import { type Mp3Track, readMp3Track } from "../media/fast-join/mp3-track.ts";
import { createPeaksAccumulator } from "../media/peaks.ts";
import { probeMedia } from "../media/probe.ts";
import { readHead } from "../media/read-head.ts";
import { mapBounded } from "../process/map-bounded.ts";
import type { RecipeContext, RecipeResult } from "./recipe.ts";
import { writePeaks } from "./write-peaks.ts";

/** Either the joined file, or why the exact way has to make it. */
export type FastOutcome = { readonly result: RecipeResult } | { readonly result: null; readonly reason: string };

const concurrency = 2;
/** Less than this at a file's end nobody misses. */
const audibleSeconds = 0.005;

/**
 * Joins without decoding what lies between the joins, where all inputs are plain files of one kind. No probe looks at
 * them: each is read by its frames from end to end, and none is opened by ffmpeg; what is not plain goes the exact way,
 * behind the gate. Throws as that gate does for what is no file, or too large.
 */
export async function stitchFast(context: RecipeContext, params: StitchParams): Promise<FastOutcome> {
  const reason = explainUnfit(params);
  if (reason !== null) return { result: null, reason };
  const path = join(context.scratchDir, "stitched.mp3");
  try {
    context.onProgress("probing", 0);
    const tracks = await readTracks(context);
    requireAlike(tracks);
    context.onProgress("processing", 5);
    return { result: await joinTracks(context, params, tracks, path) };
  } catch (error) {
    if (!(error instanceof Doubt)) throw error;
    await rm(path, { force: true });
    return { result: null, reason: `Joins to the sample whatever the inputs are: ${error.message}.` };
  }
}

function explainUnfit({ join: way, matchLoudness, format }: StitchParams): string | null {
  if (way === "exact") return "Asked for.";
  if (matchLoudness) return "Joins to the sample: one loudness for all means to encode all of them again.";
  if (format !== undefined && format !== "mp3") return "Joins to the sample whatever the inputs are.";
  return null;
}

async function readTracks(context: RecipeContext): Promise<Mp3Track[]> {
  let done = 0;
  return mapBounded(context.inputs, concurrency, async ({ path, name }) => {
    context.signal.throwIfAborted();
    const { sizeBytes } = await readHead(path, name);
    try {
      const track = await readMp3Track(path, name, sizeBytes);
      if (track.frames * track.header.samplesPerFrame > limits.inputDurationSeconds * track.header.sampleRateHz) {
        throw new Doubt("is very long");
      }
      // A picture is what a header can lie about: its size is looked at by the gate.
      if (track.tag.hasPicture) await probeMedia(context.toolchain, path, name, { signal: context.signal });
      context.onProgress("probing", Math.floor((5 * ++done) / context.inputs.length));
      return track;
    } catch (error) {
      throw error instanceof Doubt ? new Doubt(`${name} ${error.message}`) : error;
    }
  });
}

function requireAlike(tracks: readonly Mp3Track[]): void {
  const [first] = tracks;
  for (const track of tracks) {
    const differs = (what: string) => new Doubt(`${track.name} and ${first?.name} differ in their ${what}`);
    if (track.header.sampleRateHz !== first?.header.sampleRateHz) throw differs("sample rate");
    if (track.header.channels !== first.header.channels) throw differs("channels");
  }
}

async function joinTracks(
  context: RecipeContext,
  params: StitchParams,
  tracks: readonly Mp3Track[],
  path: string,
): Promise<RecipeResult> {
  const { sampleRateHz = 1, channels = 1 } = tracks[0]?.header ?? {};
  const { toolchain, signal, scratchDir } = context;
  const joined = await joinMp3(tracks, {
    ...{ toolchain, signal, outPath: path },
    gap: (params.gapMs / 1000) * sampleRateHz,
    crossfade: Math.round((params.crossfadeMs / 1000) * sampleRateHz),
  });
  const { plan } = joined;
  const samples = plan.endSample - plan.startSample;
  const peaks = context.peaks
    ? createPeaksAccumulator({ sampleRateHz, channels, samplesPerPixel: 256, bits: 8 })
    : null;
  const file = { path, demuxer: "mp3", sampleRateHz, channels };
  context.onProgress("processing", 90);
  const reading =
    peaks === null
      ? { integratedLufs: null, loudnessRangeLu: null, truePeakDbtp: joined.seamPeakDbtp }
      : await measureWhole(toolchain, file, { signal, peaks });
  const { contentType } = audioFormats.mp3;
  const main = { name: "stitched.mp3", path, contentType, durationSeconds: samples / sampleRateHz };
  const describe = (durationSeconds: number): Measurement => ({
    ...{ integratedLufs: null, truePeakDbtp: null, loudnessRangeLu: null, noiseFloorDbfs: null },
    ...{ durationSeconds, sampleRateHz, channels, codec: "mp3", measured: "seams" as const },
  });
  const { integratedLufs, loudnessRangeLu, truePeakDbtp } = reading;
  const measured = peaks === null ? ("seams" as const) : ("whole" as const);
  context.onProgress("processing", 100);
  return {
    outputs: [main, ...(peaks === null ? [] : await writePeaks(scratchDir, peaks))],
    report: {
      before: tracks.map((track) => describe((track.endSample - track.startSample) / sampleRateHz)),
      after: { ...describe(samples / sampleRateHz), integratedLufs, loudnessRangeLu, truePeakDbtp, measured },
      join: {
        way: "fast",
        reason:
          params.join === "fast" ? "Asked for." : "All inputs are mp3 of one kind; only the joins were encoded again.",
        pieces: plan.spans.flatMap(({ track, from, to }) =>
          track === null
            ? []
            : [
                {
                  startSeconds: (from - plan.startSample) / sampleRateHz,
                  durationSeconds: (to - from) / sampleRateHz,
                  gainDb: 0,
                },
              ],
        ),
        driftMs: ((samples - plan.idealSamples) / sampleRateHz) * 1000,
      },
    },
    warnings: [...describeMissing(tracks), ...describeShortened(params, tracks, joined)],
    steps: joined.steps,
  };
}

const describeMissing = (tracks: readonly Mp3Track[]): Warning[] =>
  tracks.flatMap(({ name, missingSamples, header }) => {
    const seconds = missingSamples / header.sampleRateHz;
    if (seconds < audibleSeconds) return [];
    const detail = `${name} ends ${seconds.toFixed(3)} s before its header says: it is cut off or damaged. What is there was joined; the next input follows at once.`;
    return [{ code: "input_ends_early", detail }];
  });

function describeShortened({ crossfadeMs }: StitchParams, tracks: readonly Mp3Track[], { plan }: FastJoin): Warning[] {
  const { overlaps } = plan;
  const shortened = overlaps.flatMap((overlap, index) => (overlap.shortened ? [{ ...overlap, index }] : []));
  const [first] = shortened;
  if (first === undefined) return [];
  const shortest = Math.min(...shortened.map(({ samples }) => samples)) / (tracks[0]?.header.sampleRateHz ?? 1);
  const detail = `${shortened.length} of ${overlaps.length} crossfades are shorter than ${crossfadeMs} ms, the first before ${tracks[first.index + 1]?.name}, the shortest ${(1000 * shortest).toFixed(1)} ms: an overlap takes at most half of the shorter neighbour.`;
  return [{ code: "crossfade_shortened", detail }];
}
