import { runInOrder } from "../../process/thread-pool.ts";
import type { EncodeRequest, EncodeResult } from "./encode.ts";
import type { HeardPart, HearTask } from "./hear-segment.ts";
import { foldParts, placeSegment, toTask } from "./hear-segments.ts";
import { type PcmCodec, pcmBytes } from "./pcm-coder.ts";
import { takeFromFile, takeFromStream } from "./stretch-inputs.ts";
import { finishWav, startWav } from "./wav-file.ts";

/** Whether threads can write the file: PCM as it comes, in a WAV file. */
export function isWrittenByThreads(request: EncodeRequest): boolean {
  const { plan, source, filter, hearing, decodeAfterwards = false, muxer = plan.muxer } = request;
  const isPlain =
    !("inputArgs" in source) &&
    source.sampleRateHz === plan.sampleRateHz &&
    source.channels === plan.channels &&
    filter === undefined;
  return isPlain && hearing !== undefined && !decodeAfterwards && muxer === "wav" && plan.encoder in pcmBytes;
}

/**
 * Writes a WAV file by several threads, each its segments: to the file's integers, to their place, and what a decoder makes
 * of them to the meters. To be called for what `isWrittenByThreads`. Rejects as `encodeVerified`.
 */
export async function encodeWavInSegments(request: EncodeRequest): Promise<EncodeResult> {
  const { source, plan, hearing, outPath, onProgress } = request;
  if ("inputArgs" in source || hearing === undefined) throw new RangeError("not to be written by threads");
  const failed = new AbortController();
  const signal = request.signal === undefined ? failed.signal : AbortSignal.any([request.signal, failed.signal]);
  signal.throwIfAborted();
  const { sampleRateHz, channels } = plan;
  const codec = plan.encoder as PcmCodec;
  const frameBytes = 4 * channels;
  const placeOf = (index: number) => placeSegment(hearing, plan, index);
  const place = (index: number) => {
    const { readFrom, readTo } = placeOf(index);
    return { from: readFrom * frameBytes, to: readTo * frameBytes };
  };
  const inputs =
    "growing" in source
      ? takeFromFile(source.growing, place)
      : takeFromStream({ ...source, outPath, mostWaiting: 2 * hearing.pool.size + 2, signal }, place);
  const parts: HeardPart[] = [];

  async function* cut(dataAt: number): AsyncGenerator<HearTask> {
    for (let index = 0; ; index++) {
      const input = await inputs.take(index);
      if (input === null) return;
      const whole = placeOf(index);
      const there = whole.readFrom + Math.floor((input.to - input.from) / frameBytes);
      if (there <= whole.from) return;
      const segment = { ...whole, to: Math.min(whole.to, there), readTo: there };
      const piece = { path: input.path, at: input.from / frameBytes, from: whole.readFrom, to: there };
      const where = { segment, pieces: [piece], skipFrames: 0 };
      yield {
        ...toTask(hearing as NonNullable<typeof hearing>, request, where),
        store: { path: outPath, dataAt, codec },
      };
    }
  }
  const write = async (): Promise<string[]> => {
    const file = await startWav({ ...request, signal });
    await runInOrder<HeardPart, HearTask>(hearing.pool, cut(file.dataAt), async (part, { segment }) => {
      hearing.onPart(part);
      parts.push({ ...part, peaks: null });
      onProgress?.(segment.to / sampleRateHz);
      await inputs.release(parts.length - 1);
    });
    const frames = await inputs.done;
    await finishWav(file, { frames, dataBytes: frames * channels * pcmBytes[codec] });
    return [...file.argv];
  };
  const writing = write();
  try {
    const [argv, frames] = await Promise.all([writing, inputs.done]);
    const { reading } = foldParts(sampleRateHz, parts, frames);
    return { reading, overs: null, argv };
  } catch (error) {
    failed.abort(error);
    if ("pcm" in source) source.pcm.destroy();
    await Promise.allSettled([writing, inputs.done]);
    throw error;
  } finally {
    await inputs.close();
  }
}
