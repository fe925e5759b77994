import { Readable } from "node:stream";
import { mixDucked } from "../media/duck-mix.ts";
import { encodeVerified } from "../media/encode.ts";
import type { LoudnessReading } from "../media/loudness-meter.ts";
import { joinPcm } from "../media/pcm-joiner.ts";
import { zeroSeconds } from "../media/pcm-time.ts";
import { createPeaksAccumulator } from "../media/peaks.ts";
import { createTruePeakLimiter } from "../media/true-peak-limiter.ts";
import { buildMixGains } from "./mix-levels.ts";
import { openLoopedMusic } from "./mix-music.ts";
import type { MixPlan } from "./mix-plan.ts";
import type { RecipeContext, RecipeOutput } from "./recipe.ts";
import { openStitchPieces } from "./stitch-pieces.ts";
import { writePeaks } from "./write-peaks.ts";

export interface FinishedMix {
  readonly reading: LoudnessReading;
  /** Of the whole, dB. */
  readonly gainDb: number;
  readonly limited: boolean;
  readonly corrected: boolean;
  readonly peaks: readonly RecipeOutput[];
  readonly steps: readonly { readonly argv: readonly string[] }[];
}

/** How far a result may lie beside its target before it is made again: the bound is 0.2, meters differ by 0.05. */
export const loudnessToleranceLu = 0.15;
/** What codecs add to a limited peak, dB; a ceiling that is passed all the same is corrected. */
const codecMarginDb = { wav: 0, flac: 0, mp3: 0.6, m4a: 0.6, opus: 0.8 } as const;
/** No gain makes more of a recording than its noise. */
const highestGainDb = 60;

/** Second pass: mixes and encodes; once more with other gains where the encoded result lies outside its bounds. */
export async function finishMix(context: RecipeContext, plan: MixPlan, path: string): Promise<FinishedMix> {
  const { params, levels, output } = plan;
  const predicted = levels.predictedLufs;
  const gainDb = predicted === null ? 0 : Math.min(highestGainDb, params.loudnessLufs - predicted);
  const ceilingDbtp = params.ceilingDbtp - codecMarginDb[output.encoder.format];
  const first = await renderMix(context, plan, path, { gainDb, ceilingDbtp, from: 35, to: 99 });
  const next = correct(first, params);
  if (next === null) return { ...first, corrected: false };
  const second = await renderMix(context, plan, path, { ...next, from: 35, to: 99 });
  return { ...second, corrected: true };
}

interface Rendered extends Omit<FinishedMix, "corrected"> {
  readonly ceilingDbtp: number;
}

/** The gain and ceiling that make up for what the first result misses; null where it misses nothing. */
export function correct(
  { reading, gainDb, ceilingDbtp }: Pick<Rendered, "reading" | "gainDb" | "ceilingDbtp">,
  params: { readonly loudnessLufs: number; readonly ceilingDbtp: number },
): { readonly gainDb: number; readonly ceilingDbtp: number } | null {
  const missing = reading.integratedLufs === null ? 0 : params.loudnessLufs - reading.integratedLufs;
  const over = Math.max(0, (reading.truePeakDbtp ?? Number.NEGATIVE_INFINITY) - params.ceilingDbtp);
  if (Math.abs(missing) <= loudnessToleranceLu && over === 0) return null;
  // A result that lies below its target because it is limited needs more gain than is missing.
  return {
    gainDb: Math.min(highestGainDb, gainDb + missing),
    ceilingDbtp: over > 0 ? ceilingDbtp - over - 0.1 : ceilingDbtp,
  };
}

async function renderMix(
  context: RecipeContext,
  plan: MixPlan,
  path: string,
  work: { readonly gainDb: number; readonly ceilingDbtp: number; readonly from: number; readonly to: number },
): Promise<Rendered> {
  const { params, output, narration, levels, totalFrames } = plan;
  const { sampleRateHz, channels } = output.target;
  const { gainDb, ceilingDbtp } = work;
  const voices = openStitchPieces(context, {
    inputs: narration.map(({ input }) => input),
    target: output.target,
    match: { targetLufs: null, gainsDb: [], heldBackDb: [] },
    onEnd: () => {},
  });
  const music = openLoopedMusic(context, plan.music.input, output.target);
  const gains = buildMixGains(levels, params.duckDb, gainDb, sampleRateHz, totalFrames);
  const limiter = createTruePeakLimiter({ sampleRateHz, channels, gainDb: 0, ceilingDbtp });

  async function* voice(): AsyncGenerator<Uint8Array> {
    yield* silence(plan.preRollFrames, 4 * channels);
    yield* joinPcm(voices.pieces, { sampleRateHz, channels, gap: zeroSeconds, crossfade: zeroSeconds });
    yield* silence(plan.postRollFrames, 4 * channels);
  }
  async function* limited(): AsyncGenerator<Uint8Array> {
    for await (const samples of mixDucked(voice(), music.pcm, { ...gains, channels })) {
      const through = limiter.push(samples);
      if (through.length > 0) yield toBytes(through);
    }
    yield toBytes(limiter.finish());
  }

  const accumulator = context.peaks
    ? createPeaksAccumulator({ sampleRateHz: output.encoder.sampleRateHz, channels, samplesPerPixel: 256, bits: 8 })
    : null;
  try {
    const { reading, argv } = await encodeVerified({
      toolchain: context.toolchain,
      source: { pcm: Readable.from(limited(), { objectMode: false, highWaterMark: 262_144 }), sampleRateHz, channels },
      plan: output.encoder,
      outPath: path,
      extraOutputArgs: output.tagArgs,
      signal: context.signal,
      expectedFrames: totalFrames,
      onProgress: (seconds) => {
        const part = Math.min(1, (seconds * sampleRateHz) / Math.max(1, totalFrames));
        context.onProgress("processing", Math.floor(work.from + (work.to - work.from) * part));
      },
      ...(accumulator === null ? {} : { onPcm16: (chunk: Uint8Array) => accumulator.push(chunk) }),
    });
    const peaks = accumulator === null ? [] : await writePeaks(context.scratchDir, accumulator);
    const encode = { argv: argv.map((argument) => (argument === path ? "{out}" : argument)) };
    const steps = [...nameNarration(voices.steps, plan), nameMusic(music.args(), plan), encode];
    return { reading, gainDb, ceilingDbtp, limited: limiter.limited(), peaks, steps };
  } finally {
    await Promise.all([voices.close(), music.close()]);
  }
}

/** Command lines with the places of the job's inputs for paths. */
const nameNarration = (steps: FinishedMix["steps"], { narration }: MixPlan): FinishedMix["steps"] =>
  steps.map(({ argv }, at) => ({
    argv: argv.map((argument) => (argument === `{in${at}}` ? `{in${narration[at]?.input.index}}` : argument)),
  }));

const nameMusic = (args: readonly string[], { music }: MixPlan): { readonly argv: readonly string[] } => ({
  argv: ["ffmpeg", ...args.with(args.indexOf("-i") + 1, `{in${music.input.index}}`)],
});

const toBytes = ({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);

function* silence(frames: number, frameBytes: number): Generator<Uint8Array> {
  const most = Math.max(1, Math.floor(65_536 / frameBytes));
  for (let left = frames; left > 0; left -= most) yield new Uint8Array(Math.min(left, most) * frameBytes);
}
