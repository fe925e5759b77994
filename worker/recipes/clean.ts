import { join } from "node:path";
import { MixdownError } from "../../core/errors.ts";
import type { CleanParams } from "../../core/kinds/index.ts";
import type { Warning } from "../../core/report.ts";
import { buildEditList } from "../media/clean/edit-list.ts";
import type { RenderedClean } from "../media/clean/render-clean.ts";
import type { AudioSurvey } from "../media/clean/survey-audio.ts";
import { planTreatment, type Treatment } from "../media/clean/treatment.ts";
import { buildEncoderPlan, type EncoderPlan } from "../media/encode/encoder-plan.ts";
import { chooseOutputFormat, nameOutput, type OutputFormat } from "../media/encode/output-format.ts";
import { masterTo } from "../media/master/mastering.ts";
import { addPauses, createPauseMeter, type PauseMeter } from "../media/meters/pause-meter.ts";
import type { DecodePlan } from "../media/pcm/decode-floats.ts";
import { checkWhole } from "../media/probe/check-whole.ts";
import type { AudioStream, MediaInfo } from "../media/probe/media-info.ts";
import { probeMedia } from "../media/probe/probe.ts";
import { readTrueLength } from "../media/probe/true-length.ts";
import type { PeaksAccumulator } from "../media/waveform/peaks.ts";
import { keepExtras } from "./clean-extras.ts";
import { type CleanPasses, openPasses } from "./clean-passes.ts";
import { buildCleanReport, judgeClean } from "./clean-report.ts";
import { createSpans, type Span } from "./progress-span.ts";
import type { Recipe, RecipeContext, RecipeResult } from "./recipe.ts";
import { buildStep } from "./step-paths.ts";
import { createOutputPeaks, writePeaks } from "./write-peaks.ts";

interface Subject {
  readonly media: MediaInfo;
  readonly stream: AudioStream;
  readonly output: OutputFormat;
  readonly encoder: EncoderPlan;
  readonly plan: DecodePlan;
}

/**
 * Cleans speech in two passes: survey and treat into a PCM file while measuring it; then gain, limiter and encoder, with
 * the result verified as it is written. Throws input_*, limit_*, quality_out_of_bounds (with `strict`), platform_*.
 */
export const clean: Recipe<CleanParams> = async (context, params) => {
  const subject = await openSubject(context, params);
  const spans = createSpans(context, subject.media.durationSeconds);
  const passes = openPasses(context, subject.plan, params);
  try {
    const surveyed = await survey(params, subject, passes, spans(5, 30));
    const { rendered, treatment, warnings } = await treat(passes, surveyed, spans(30, 65));
    const work = { subject, passes, surveyed: { ...surveyed, treatment }, rendered, warnings };
    return await finish(context, params, work, spans(65, 100));
  } finally {
    await passes.close();
  }
};

async function openSubject(context: RecipeContext, params: CleanParams): Promise<Subject> {
  const [input] = context.inputs;
  if (input === undefined)
    throw new MixdownError("usage_invalid", { message: "clean needs one input; none was given." });
  context.onProgress("probing", 0);
  const media = await probeMedia(context.toolchain, input.path, input.name, { signal: context.signal });
  const [stream] = media.audio;
  // The gate refuses a file without audio.
  if (stream === undefined) throw new RangeError(`${input.name} passed the gate without audio`);
  const output = chooseOutputFormat(media, params.format);
  const encoder = buildEncoderPlan(output.audio, {
    ...{ sampleRateHz: stream.sampleRateHz, channels: stream.channels, bitsPerSample: stream.bitsPerSample },
    // A second generation at the first one's rate; other codecs are not comparable.
    bitRate:
      (output.audio === "m4a" ? "aac" : output.audio) === stream.codec ? (stream.bitRate ?? media.bitRate) : null,
  });
  const trueLength = await readTrueLength(media);
  const plan = { media, trueLength, followTimestamps: output.video.length > 0 };
  return { media, stream, output, encoder, plan };
}

interface Surveyed {
  readonly before: AudioSurvey;
  readonly treatment: Treatment;
}

async function survey(
  params: CleanParams,
  { media, plan }: Subject,
  passes: CleanPasses,
  onProgress: Span,
): Promise<Surveyed> {
  const before = await passes.survey(onProgress);
  checkWhole(media, plan.trueLength, before.reading.frames);
  const treatment = planTreatment(before, params);
  if (treatment.hum === null) return { before, treatment };
  // Hum fills the low end of the noise profile: learnt once more without it.
  const noise = await passes.relearn(treatment.hum);
  return { before, treatment: planTreatment({ ...before, noise }, params) };
}

/** A denoiser that takes more of the voice than this is worse than the noise. */
const mostSpeechLossDb = 1.5;

interface Treated {
  readonly rendered: RenderedClean;
  readonly treatment: Treatment;
  readonly warnings: readonly Warning[];
}

async function treat(passes: CleanPasses, { treatment }: Surveyed, onProgress: Span): Promise<Treated> {
  const rendered = await passes.render(treatment, onProgress);
  if (rendered.keptSpeechDb >= -mostSpeechLossDb) return { rendered, treatment, warnings: [] };
  const gentle = { ...treatment, denoise: null };
  const again = await passes.render(gentle, onProgress);
  const detail = `Noise reduction was left out: it would have taken ${(-rendered.keptSpeechDb).toFixed(1)} dB off the voice.`;
  return { rendered: again, treatment: gentle, warnings: [{ code: "denoise_left_out", detail }] };
}

interface Work {
  readonly subject: Subject;
  readonly passes: CleanPasses;
  readonly surveyed: Surveyed;
  readonly rendered: RenderedClean;
  readonly warnings: readonly Warning[];
}

async function finish(
  context: RecipeContext,
  params: CleanParams,
  work: Work,
  onProgress: Span,
): Promise<RecipeResult> {
  const { subject, passes, surveyed, rendered } = work;
  const { media, stream, output, encoder } = subject;
  const { scratchDir, toolchain, signal, inputs } = context;
  const { sampleRateHz, channels, channelLayout } = stream;
  const outPath = join(scratchDir, `out.${output.extension}`);
  const extras = await keepExtras(context, { media, output, edits: buildEditList(rendered.stretches, sampleRateHz) });
  let taps = createTaps(context, encoder);
  const source = { path: rendered.path, sampleRateHz, channels, channelLayout, reading: rendered.reading };
  const mastered = await masterTo(
    params,
    source,
    {
      ...{ toolchain, plan: encoder, outPath, signal, onProgress },
      ...{ extraInputArgs: extras.inputArgs, extraOutputArgs: extras.outputArgs, muxer: extras.muxer },
      decodeAfterwards: extras.hasChapters,
      expectedFrames: Math.round((rendered.reading.frames * encoder.sampleRateHz) / sampleRateHz),
      onSamples: (samples) => taps.pauses.push(samples),
      onPcm16: context.peaks ? (chunk) => taps.peaks?.push(chunk) : undefined,
      hearing: passes.hear(({ pauses, peaks }) => {
        if (pauses !== null) addPauses(taps.pauses.sums(), pauses);
        if (peaks !== null) taps.peaks?.append(peaks);
      }),
      // A correction writes the file anew: what was collected of the first is thrown away.
      onStart: () => {
        taps = createTaps(context, encoder);
      },
    },
    passes.limit(source),
  );
  const facts = {
    ...{ stream, encoder, rendered, mastered, before: surveyed.before, treatment: surveyed.treatment },
    pauseLevelAfterDbfs: taps.pauses.finish(),
  };
  const warnings = [...work.warnings, ...extras.warnings, ...judgeClean(facts, params)];
  const peaks = taps.peaks === null ? [] : await writePeaks(scratchDir, taps.peaks);
  context.onProgress("processing", 100);
  const paths = { in0: inputs[0]?.path ?? "", out: outPath, tmp0: rendered.path, tmp: scratchDir };
  return {
    outputs: [
      {
        name: nameOutput(media.name, output.extension),
        path: outPath,
        contentType: output.contentType,
        durationSeconds: mastered.reading.frames / encoder.sampleRateHz,
      },
      ...peaks,
    ],
    report: buildCleanReport(facts, params),
    warnings,
    steps: [surveyed.before.argv, rendered.argv, mastered.argv].map((argv) => buildStep(argv, paths)),
  };
}

interface Taps {
  readonly pauses: PauseMeter;
  readonly peaks: PeaksAccumulator | null;
}

function createTaps(context: RecipeContext, encoder: EncoderPlan): Taps {
  const { sampleRateHz, channels } = encoder;
  return {
    pauses: createPauseMeter(encoder),
    peaks: context.peaks ? createOutputPeaks({ sampleRateHz, channels }) : null,
  };
}
