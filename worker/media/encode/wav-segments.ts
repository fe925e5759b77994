import { runInOrder } from "../../process/thread-pool.ts";
import type { EncodeRequest, EncodeResult } from "./encode.ts";
import type { HeardPart, HearTask } from "./hear-segment.ts";
import { foldParts, type Hearing, placeSegment, toTask } from "./hear-segments.ts";
import { type PcmCodec, pcmBytes } from "./pcm-coder.ts";
import type { SegmentInputs } from "./segment-inputs.ts";
import { finishWav, startWav } from "./wav-file.ts";

export interface WavRequest
  extends Pick<EncodeRequest, "toolchain" | "plan" | "outPath" | "extraInputArgs" | "extraOutputArgs" | "onProgress"> {
  readonly hearing: Hearing;
  readonly signal?: AbortSignal | undefined;
  /** Whether the samples may hold what no recording does, which becomes silence. @default false */
  readonly guarded?: boolean | undefined;
}

export interface WavResult extends EncodeResult {
  /** Samples that were beyond full scale and were clipped, and the largest magnitude, 1 at the least. */
  readonly clipped: HeardPart["clipped"];
}

/** Whether threads can write the file as it is asked for: PCM as it comes, in a WAV file. */
export function isWrittenByThreads(request: EncodeRequest): boolean {
  const { plan, source, filter, hearing, decodeAfterwards = false, muxer = plan.muxer } = request;
  const isPlain =
    "growing" in source &&
    source.sampleRateHz === plan.sampleRateHz &&
    source.channels === plan.channels &&
    filter === undefined;
  return isPlain && hearing !== undefined && !decodeAfterwards && muxer === "wav" && plan.encoder in pcmBytes;
}

/** Frames of input that may be there at once: a segment for each thread to work on and one to wait, and what follows. */
export const countAhead = ({ pool, samplesPerPixel }: Hearing, sampleRateHz: number): number =>
  placeSegment({ samplesPerPixel }, { sampleRateHz }, 2 * pool.size + 2).to;

/**
 * Writes a WAV file by several threads, each its segments: to the file's integers, to their place, and what a decoder makes
 * of them to the meters. The plan is one of PCM in WAV. Rejects as `encodeVerified`, and as the inputs do.
 */
export async function encodeWavInSegments(request: WavRequest, inputs: SegmentInputs): Promise<WavResult> {
  const { plan, hearing, outPath, onProgress, guarded } = request;
  const { sampleRateHz, channels } = plan;
  const codec = plan.encoder as PcmCodec;
  const placeOf = (index: number) => placeSegment(hearing, plan, index);
  const parts: HeardPart[] = [];

  async function* cut(dataAt: number): AsyncGenerator<HearTask> {
    for (let index = 0; ; index++) {
      const place = placeOf(index);
      const there = await inputs.waitFor(place.readTo);
      if (there <= place.from) return;
      const segment = { ...place, to: Math.min(place.to, there), readTo: Math.min(place.readTo, there) };
      const where = { segment, pieces: inputs.cover(segment.readFrom, segment.readTo), skipFrames: 0 };
      yield { ...toTask(hearing, request, where), guarded, store: { path: outPath, dataAt, codec } };
    }
  }
  try {
    const file = await startWav(request);
    let frames = 0;
    await runInOrder<HeardPart, HearTask>(hearing.pool, cut(file.dataAt), async (part, { segment }) => {
      hearing.onPart(part);
      parts.push({ ...part, peaks: null });
      frames = segment.to;
      onProgress?.(frames / sampleRateHz);
      await inputs.dropBefore(placeOf(parts.length).readFrom);
    });
    await finishWav(file, { frames, dataBytes: frames * channels * pcmBytes[codec] });
    const { reading } = foldParts(sampleRateHz, parts, frames);
    const clipped = {
      count: parts.reduce((sum, part) => sum + part.clipped.count, 0),
      peak: parts.reduce((top, part) => Math.max(top, part.clipped.peak), 1),
    };
    return { reading, overs: null, clipped, argv: file.argv };
  } finally {
    await inputs.close();
  }
}
