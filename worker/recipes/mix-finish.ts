import { Readable } from "node:stream";
import type { Warning } from "../../core/report.ts";
import { mixDucked } from "../media/duck/duck-mix.ts";
import { encodeOnCores } from "../media/encode/encode-parallel.ts";
import type { ExtrasPlan } from "../media/encode/keep-extras.ts";
import { type MasteringSetting, masterWith } from "../media/master/mastering.ts";
import { repairPeaks } from "../media/master/repair-peaks.ts";
import { createTruePeakLimiter } from "../media/master/true-peak-limiter.ts";
import type { LoudnessReading } from "../media/meters/loudness-meter.ts";
import { readFloatFrames } from "../media/pcm/float-frames.ts";
import type { FrameFilter } from "../media/pcm/frame-filter.ts";
import type { PcmFormat } from "../media/pcm/pcm-decode-args.ts";
import { joinPcm } from "../media/pcm/pcm-joiner.ts";
import { zeroSeconds } from "../media/pcm/pcm-time.ts";
import { keepMixExtras } from "./mix-extras.ts";
import { buildMixGains } from "./mix-levels.ts";
import { openLoopedMusic } from "./mix-music.ts";
import type { MixPlan } from "./mix-plan.ts";
import { createSpans, type Span } from "./progress-span.ts";
import type { RecipeContext, RecipeOutput } from "./recipe.ts";
import { buildStep } from "./step-paths.ts";
import { openStitchPieces } from "./stitch-pieces.ts";
import { createOutputPeaks, writePeaks } from "./write-peaks.ts";

export interface FinishedMix {
  readonly reading: LoudnessReading;
  /** Of the whole, dB. */
  readonly gainDb: number;
  readonly limited: boolean;
  readonly corrected: boolean;
  readonly peaks: readonly RecipeOutput[];
  readonly warnings: readonly Warning[];
  readonly steps: readonly { readonly argv: readonly string[] }[];
}

/** Above its plain gain the voice is not pushed further: a limiter at work all the time is distortion. */
const mostExtraGainDb = 8;

/** Second pass: mixes, limits, encodes, verifies; once more where the encoded result lies outside its bounds. */
export async function finishMix(context: RecipeContext, plan: MixPlan, path: string): Promise<FinishedMix> {
  const onProgress = createSpans(context, plan.totalFrames / plan.output.target.sampleRateHz)(35, 99);
  const extras = await keepMixExtras(context, plan);
  let tries = 0;
  const mastered = await masterWith(plan.params, plan.output.encoder, {
    choose: (loudnessLufs, limitDbtp) => chooseSetting(plan, loudnessLufs, limitDbtp),
    encode: (setting) => renderMix(context, plan, { ...setting, path, extras, secondTry: tries++ > 0 }, onProgress),
  });
  return { ...mastered, warnings: extras.warnings };
}

/** The gain that gives that loudness behind the voice's limiter, as far as it can be foreseen; nothing is decoded. */
function chooseSetting(plan: MixPlan, loudnessLufs: number, limitDbtp: number): MasteringSetting {
  const foretell = (gainDb: number): number | null =>
    plan.forecast.lufsAt(gainDb, chooseVoiceCeiling(plan, gainDb, limitDbtp));
  const plain = plan.forecast.lufsAt(0, Number.POSITIVE_INFINITY);
  if (plain === null) return { gainDb: 0, predictedLufs: null, limitDbtp };
  const plainGainDb = loudnessLufs - plain;
  let gainDb = plainGainDb;
  for (let round = 0; ; round++) {
    const predictedLufs = foretell(gainDb) ?? loudnessLufs;
    const missing = loudnessLufs - predictedLufs;
    const most = plainGainDb + mostExtraGainDb;
    if (Math.abs(missing) < 0.02 || gainDb >= most || round === 12) return { gainDb, predictedLufs, limitDbtp };
    gainDb = Math.min(most, gainDb + 1.3 * missing);
  }
}

interface Rendering extends MasteringSetting {
  readonly path: string;
  readonly extras: ExtrasPlan;
  readonly secondTry: boolean;
}

async function renderMix(
  context: RecipeContext,
  plan: MixPlan,
  { gainDb, limitDbtp, secondTry, path, extras }: Rendering,
  onProgress: Span,
): Promise<Omit<FinishedMix, "gainDb" | "corrected" | "warnings">> {
  const { params, output, narration, levels, totalFrames, forecast } = plan;
  const { sampleRateHz, channels } = output.target;
  const voiceTarget = chooseVoiceTarget(plan);
  const voiceChannels = voiceTarget.channels;
  const voiceCeilingDbtp = chooseVoiceCeiling(plan, gainDb, limitDbtp);
  const isVoiceLimited = isVoiceOver(plan, gainDb, voiceCeilingDbtp);
  // Foreseen from levels; where that errs, the encoded result says so, and the second try limits.
  const isOver = secondTry || forecast.peakAt(gainDb, voiceCeilingDbtp) > limitDbtp;
  const gains = {
    ...buildMixGains(levels, params.duckDb, gainDb, sampleRateHz, totalFrames),
    ...{ channels, voiceChannels, voiceGain: isVoiceLimited ? 1 : 10 ** (gainDb / 20) },
  };

  const openSound = () => {
    const voices = openStitchPieces(context, {
      inputs: narration.map(({ input }) => input),
      target: voiceTarget,
      ...{ match: null, measure: false },
      onEnd: () => {},
    });
    const music = openLoopedMusic(context, plan.music.input, output.target);
    const voiceLimiter = isVoiceLimited
      ? createTruePeakLimiter({ sampleRateHz, channels: voiceChannels, gainDb, ceilingDbtp: voiceCeilingDbtp })
      : null;
    const limiter = isOver
      ? createTruePeakLimiter({ sampleRateHz, channels, gainDb: 0, ceilingDbtp: limitDbtp })
      : null;
    async function* voice(): AsyncGenerator<Uint8Array> {
      const format = { sampleRateHz, channels: voiceChannels, gap: zeroSeconds, crossfade: zeroSeconds };
      yield* silence(plan.preRollFrames, 4 * voiceChannels);
      yield* joinPcm(voices.pieces, format);
      yield* silence(plan.postRollFrames, 4 * voiceChannels);
    }
    const limitedVoice =
      voiceLimiter === null ? voice() : runFilter(readFloatFrames(voice(), voiceChannels), voiceLimiter);
    const accumulator = context.peaks ? createOutputPeaks(output.encoder) : null;
    return {
      ...{ voices, music, accumulator },
      pcm: runFilter(mixDucked(limitedVoice, music.pcm, gains), limiter),
      limited: () => voiceLimiter?.limited() === true || limiter?.limited() === true,
      close: () => Promise.all([voices.close(), music.close()]),
    };
  };

  // More than one where the encoder had to begin anew.
  const opened: ReturnType<typeof openSound>[] = [];
  try {
    const encoded = await encodeOnCores(() => {
      const sound = openSound();
      opened.push(sound);
      const { accumulator } = sound;
      return {
        toolchain: context.toolchain,
        source: {
          pcm: Readable.from(sound.pcm, { objectMode: false, highWaterMark: 262_144 }),
          ...{ sampleRateHz, channels },
        },
        plan: output.encoder,
        outPath: path,
        ...{ extraInputArgs: extras.inputArgs, extraOutputArgs: extras.outputArgs, muxer: extras.muxer },
        decodeAfterwards: extras.hasChapters,
        signal: context.signal,
        expectedFrames: totalFrames,
        ceilingDbtp: params.ceilingDbtp,
        onProgress,
        ...(accumulator === null ? {} : { onPcm16: (chunk: Uint8Array) => accumulator.push(chunk) }),
      };
    });
    const { toolchain, signal } = context;
    const written = { plan: output.encoder, outPath: path, muxer: extras.muxer, expectedFrames: totalFrames };
    const { reading, argv } = await repairPeaks({ toolchain, signal, ...written }, encoded, params.ceilingDbtp);
    const { accumulator, voices, music, limited } = opened.at(-1) as (typeof opened)[number];
    const peaks = accumulator === null ? [] : await writePeaks(context.scratchDir, accumulator);
    const paths = { [`in${narration[0]?.input.index}`]: narration[0]?.input.media.path ?? "", out: path };
    const encode = buildStep(argv, { ...paths, tmp: context.scratchDir });
    const steps = [...nameNarration(voices.steps, plan), nameMusic(music.args(), plan), encode];
    return { reading, limited: limited(), peaks, steps };
  } finally {
    await Promise.all(opened.map((sound) => sound.close()));
  }
}

/**
 * The voice is limited by itself, to what the ducked music leaves of the ceiling: a limiter of the sum alone would let the
 * voice's peaks pump the music by several decibels. It follows all the same, for what still adds up to more.
 */
function chooseVoiceCeiling({ music, levels, params }: MixPlan, gainDb: number, limitDbtp: number): number {
  const { truePeakDbtp } = music.reading;
  const musicDb = (truePeakDbtp ?? Number.NEGATIVE_INFINITY) + levels.musicGainDb - params.duckDb + gainDb;
  const [ceiling, bed] = [10 ** (limitDbtp / 20), 10 ** (musicDb / 20)];
  return 20 * Math.log10(Math.max(ceiling - bed, ceiling * mostForMusic));
}

/** Of the ceiling, what the voice keeps at least (-2.5 dB): the highest peaks of both seldom meet. */
const mostForMusic = 0.75;

/** Voices that are all mono are handled as one channel: half the work, and in the middle of the result all the same. */
function chooseVoiceTarget({ narration, output }: MixPlan): PcmFormat {
  const { target } = output;
  const isMono = target.channels === 2 && narration.every(({ input }) => input.stream.channels === 1);
  return isMono ? { ...target, channels: 1, channelLayout: "mono" } : target;
}

/** With room for what a change of rate does to a peak. */
const isVoiceOver = ({ narration }: MixPlan, gainDb: number, ceilingDbtp: number): boolean =>
  narration.some(({ reading }) => (reading.truePeakDbtp ?? Number.NEGATIVE_INFINITY) + gainDb > ceilingDbtp - 0.2);

async function* runFilter(source: AsyncIterable<Float32Array>, filter: FrameFilter | null): AsyncGenerator<Uint8Array> {
  for await (const samples of source) {
    const through = filter === null ? samples : filter.push(samples);
    if (through.length > 0) yield toBytes(through);
  }
  const rest = filter?.finish();
  if (rest !== undefined && rest.length > 0) yield toBytes(rest);
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
