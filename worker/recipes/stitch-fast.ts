import { rm } from "node:fs/promises";
import { join as joinPath } from "node:path";
import { audioFormats } from "../../core/kinds/audio-formats.ts";
import type { StitchParams } from "../../core/kinds/index.ts";
import { limits } from "../../core/limits.ts";
import type { Measurement, Warning } from "../../core/report.ts";
import { Doubt } from "../media/fast-join/doubt.ts";
import type { FastTrack } from "../media/fast-join/fast-track.ts";
import { type FastFormat, type FastJoin, joinTracks, m4aFormat, mp3Format } from "../media/fast-join/join-tracks.ts";
import { measureWhole } from "../media/fast-join/measure-joined.ts";
import { probeMedia } from "../media/probe/probe.ts";
import { readHead } from "../media/probe/read-head.ts";
import { mapBounded } from "../process/map-bounded.ts";
import type { RecipeContext, RecipeResult } from "./recipe.ts";
import { createOutputPeaks, writePeaks } from "./write-peaks.ts";

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
  try {
    context.onProgress("probing", 0);
    return { result: await joinAs(await chooseFormat(context, params), context, params) };
  } catch (error) {
    if (!(error instanceof Doubt)) throw error;
    return { result: null, reason: `Joins to the sample whatever the inputs are: ${error.message}.` };
  }
}

function explainUnfit({ join: way, matchLoudness, format }: StitchParams): string | null {
  if (way === "exact") return "Asked for.";
  if (matchLoudness) return "Joins to the sample: one loudness for all means to encode all of them again.";
  const copies = format === undefined || format === "mp3" || format === "m4a";
  return copies ? null : "Joins to the sample whatever the inputs are.";
}

/** The output's, which must be the first input's as well; what that is not shows when it is read. */
async function chooseFormat({ inputs: [first] }: RecipeContext, params: StitchParams): Promise<"mp3" | "m4a"> {
  if (params.format === "mp3" || params.format === "m4a") return params.format;
  if (first === undefined) throw new Doubt("there is no input");
  const { head } = await readHead(first.path, first.name);
  return head.toString("latin1", 4, 8) === "ftyp" ? "m4a" : "mp3";
}

const joinAs = (format: "mp3" | "m4a", context: RecipeContext, params: StitchParams): Promise<RecipeResult> =>
  format === "mp3" ? join("mp3", mp3Format, context, params) : join("m4a", m4aFormat, context, params);

async function join<Track extends FastTrack>(
  name: "mp3" | "m4a",
  format: FastFormat<Track>,
  context: RecipeContext,
  params: StitchParams,
): Promise<RecipeResult> {
  const tracks = await readTracks(format, context);
  requireAlike(tracks);
  context.onProgress("processing", 5);
  const path = joinPath(context.scratchDir, `stitched.${name}`);
  try {
    const { sampleRateHz = 1 } = tracks[0] ?? {};
    const joined = await joinTracks(format, tracks, {
      ...{ toolchain: context.toolchain, signal: context.signal, outPath: path },
      gap: (params.gapMs / 1000) * sampleRateHz,
      crossfade: Math.round((params.crossfadeMs / 1000) * sampleRateHz),
    });
    return await describe({ name, path, tracks, joined }, context, params);
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  }
}

async function readTracks<Track extends FastTrack>(
  format: FastFormat<Track>,
  context: RecipeContext,
): Promise<Track[]> {
  let done = 0;
  return mapBounded(context.inputs, concurrency, async ({ path, name }) => {
    context.signal.throwIfAborted();
    const { sizeBytes } = await readHead(path, name);
    try {
      const track = await format.read(path, name, sizeBytes);
      if (track.frames * track.samplesPerFrame > limits.inputDurationSeconds * track.sampleRateHz) {
        throw new Doubt("is very long");
      }
      // A picture is what a header can lie about: its size is looked at by the gate.
      if (track.hasPicture) await probeMedia(context.toolchain, path, name, { signal: context.signal });
      context.onProgress("probing", Math.floor((5 * ++done) / context.inputs.length));
      return track;
    } catch (error) {
      throw error instanceof Doubt ? new Doubt(`${name} ${error.message}`) : error;
    }
  });
}

function requireAlike(tracks: readonly FastTrack[]): void {
  const [first] = tracks;
  for (const track of tracks) {
    const differs = (what: string) => new Doubt(`${track.name} and ${first?.name} differ in their ${what}`);
    if (track.sampleRateHz !== first?.sampleRateHz) throw differs("sample rate");
    if (track.channels !== first.channels) throw differs("channels");
    if (track.profile !== first.profile) throw differs("profile");
  }
}

interface Finished {
  readonly name: "mp3" | "m4a";
  readonly path: string;
  readonly tracks: readonly FastTrack[];
  readonly joined: FastJoin;
}

async function describe(
  { name, path, tracks, joined }: Finished,
  context: RecipeContext,
  params: StitchParams,
): Promise<RecipeResult> {
  const { sampleRateHz = 1, channels = 1 } = tracks[0] ?? {};
  const { plan } = joined;
  const samples = plan.endSample - plan.startSample;
  const codec = name === "mp3" ? "mp3" : "aac";
  const peaks = context.peaks ? createOutputPeaks({ sampleRateHz, channels }) : null;
  const file = { path, demuxer: name === "mp3" ? "mp3" : "mov", sampleRateHz, channels };
  context.onProgress("processing", 90);
  const reading =
    peaks === null
      ? { integratedLufs: null, loudnessRangeLu: null, truePeakDbtp: joined.seamPeakDbtp }
      : await measureWhole(context.toolchain, file, { signal: context.signal, peaks, frames: samples });
  const { contentType } = audioFormats[name];
  const main = { name: `stitched.${name}`, path, contentType, durationSeconds: samples / sampleRateHz };
  const unmeasured = (durationSeconds: number): Measurement => ({
    ...{ integratedLufs: null, truePeakDbtp: null, loudnessRangeLu: null, noiseFloorDbfs: null },
    ...{ durationSeconds, sampleRateHz, channels, codec, measured: "seams" as const },
  });
  const { integratedLufs, loudnessRangeLu, truePeakDbtp } = reading;
  const measured = peaks === null ? ("seams" as const) : ("whole" as const);
  const pieces = plan.spans.flatMap(({ track, from, to }) => {
    const startSeconds = (from - plan.startSample) / sampleRateHz;
    return track === null ? [] : [{ startSeconds, durationSeconds: (to - from) / sampleRateHz, gainDb: 0 }];
  });
  const outputs = [main, ...(peaks === null ? [] : await writePeaks(context.scratchDir, peaks))];
  context.onProgress("processing", 100);
  return {
    outputs,
    report: {
      before: tracks.map((track) => unmeasured((track.endSample - track.startSample) / sampleRateHz)),
      after: { ...unmeasured(samples / sampleRateHz), integratedLufs, loudnessRangeLu, truePeakDbtp, measured },
      join: {
        way: "fast",
        reason:
          params.join === "fast"
            ? "Asked for."
            : `All inputs are ${codec} of one kind: only the joins are encoded again.`,
        pieces,
        driftMs: ((samples - plan.idealSamples) / sampleRateHz) * 1000,
      },
    },
    warnings: [...describeMissing(tracks), ...describeShortened(params, tracks, joined)],
    steps: joined.steps,
  };
}

const describeMissing = (tracks: readonly FastTrack[]): Warning[] =>
  tracks.flatMap(({ name, missingSamples, sampleRateHz }) => {
    const seconds = missingSamples / sampleRateHz;
    if (seconds < audibleSeconds) return [];
    const detail = `${name} ends ${seconds.toFixed(3)} s before its header says: it is cut off or damaged. What is there was joined; the next input follows at once.`;
    return [{ code: "input_ends_early", detail }];
  });

function describeShortened({ crossfadeMs }: StitchParams, tracks: readonly FastTrack[], { plan }: FastJoin): Warning[] {
  const { overlaps } = plan;
  const shortened = overlaps.flatMap((overlap, index) => (overlap.shortened ? [{ ...overlap, index }] : []));
  const [first] = shortened;
  if (first === undefined) return [];
  const shortest = Math.min(...shortened.map(({ samples }) => samples)) / (tracks[0]?.sampleRateHz ?? 1);
  const detail = `${shortened.length} of ${overlaps.length} crossfades are shorter than ${crossfadeMs} ms, the first before ${tracks[first.index + 1]?.name}, the shortest ${(1000 * shortest).toFixed(1)} ms: an overlap takes at most half of the shorter neighbour.`;
  return [{ code: "crossfade_shortened", detail }];
}
