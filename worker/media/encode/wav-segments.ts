import { runInOrder } from "../../process/thread-pool.ts";
import type { Segment } from "../pcm/pcm-file.ts";
import type { EncodeRequest, EncodeResult } from "./encode.ts";
import type { HeardPart, HearSetting, HearTask } from "./hear-segment.ts";
import { chooseHearing, cutSegments, foldParts, type Hearing, narrow, placeSegment } from "./hear-segments.ts";
import { type PcmCodec, pcmBytes } from "./pcm-coder.ts";
import type { SegmentInputs } from "./segment-inputs.ts";
import { finishWav, startWav } from "./wav-file.ts";

export interface WavRequest
  extends Pick<EncodeRequest, "toolchain" | "plan" | "outPath" | "extraInputArgs" | "extraOutputArgs" | "onProgress"> {
  readonly hearing: Hearing;
  readonly signal?: AbortSignal | undefined;
}

export interface WavResult extends EncodeResult {
  /** Samples that were beyond full scale and were clipped, and the largest magnitude, 1 at the least. */
  readonly clipped: HeardPart["clipped"];
}

/** Whether threads can write what is asked for: PCM as it comes, at that rate and of so many channels, in a WAV file. */
export function isWrittenByThreads(
  request: Pick<EncodeRequest, "plan" | "filter" | "hearing" | "decodeAfterwards" | "muxer">,
  format: { readonly sampleRateHz: number; readonly channels: number },
): boolean {
  const { plan, filter, hearing, decodeAfterwards = false, muxer = plan.muxer } = request;
  const isPlain =
    format.sampleRateHz === plan.sampleRateHz && format.channels === plan.channels && filter === undefined;
  return isPlain && hearing !== undefined && !decodeAfterwards && muxer === "wav" && plan.encoder in pcmBytes;
}

export interface WavWork<Task extends { readonly segment: Segment }, Answer> {
  /**
   * One after the other, what threads are asked for: segments that lie end to end, each listened to as `listen` says; those
   * of a picture's peaks lie on its pixels.
   */
  tasks(listen: (segment: Segment) => HearSetting): AsyncIterable<Task>;
  /** What was heard, in the tasks' order. */
  take(answer: Answer, task: Task): HeardPart | Promise<HeardPart>;
}

/**
 * Writes a WAV file by several threads, each its segments: to the file's integers, to their place, and what a decoder makes
 * of them to the meters. Rejects as the tasks do.
 */
export async function writeWavSegments<Task extends { readonly segment: Segment }, Answer>(
  request: WavRequest,
  { tasks, take }: WavWork<Task, Answer>,
): Promise<WavResult> {
  const { plan, hearing, outPath, onProgress } = request;
  const { sampleRateHz, channels } = plan;
  const codec = plan.encoder as PcmCodec;
  const file = await startWav(request);
  const store = { path: outPath, dataAt: file.dataAt, codec };
  const parts: HeardPart[] = [];
  let frames = 0;
  const listen = (segment: Segment): HearSetting => ({
    ...chooseHearing(hearing, request, narrow(segment, sampleRateHz)),
    store,
  });
  await runInOrder<Answer, Task>(hearing.pool, tasks(listen), async (answer, task) => {
    const part = await take(answer, task);
    hearing.onPart(part);
    parts.push({ ...part, peaks: null, pauses: null });
    frames = task.segment.to;
    onProgress?.(frames / sampleRateHz);
  });
  await finishWav(file, { frames, dataBytes: frames * channels * pcmBytes[codec] });
  const { reading } = foldParts(sampleRateHz, parts, frames);
  const clipped = {
    count: parts.reduce((sum, part) => sum + part.clipped.count, 0),
    peak: parts.reduce((top, part) => Math.max(top, part.clipped.peak), 1),
  };
  return { reading, overs: null, clipped, argv: file.argv };
}

/** Frames of input that may be there at once: a segment for each thread to work on and one to wait, and what follows. */
export const countAhead = ({ pool, samplesPerPixel }: Hearing, sampleRateHz: number): number =>
  placeSegment({ samplesPerPixel }, { sampleRateHz }, 2 * pool.size + 2).to;

/** The same of samples that lie in pieces; they are checked first: what no recording holds becomes silence. */
export async function writeWavOf(inputs: SegmentInputs, request: WavRequest): Promise<WavResult> {
  const { plan, hearing } = request;
  let taken = 0;
  try {
    return await writeWavSegments<HearTask, HeardPart>(request, {
      async *tasks(listen) {
        for await (const segment of cutSegments(hearing, plan, inputs.waitFor)) {
          const pieces = inputs.cover(segment.readFrom, segment.readTo);
          yield { kind: "hear", ...listen(segment), guarded: true, pieces, skipFrames: 0 };
        }
      },
      async take(part) {
        await inputs.dropBefore(placeSegment(hearing, plan, ++taken).readFrom);
        return part;
      },
    });
  } finally {
    await inputs.close();
  }
}
