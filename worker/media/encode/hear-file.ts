import { runInOrder, type ThreadPool } from "../../process/thread-pool.ts";
import type { LoudnessReading } from "../meters/loudness-meter.ts";
import type { FileRun } from "../pcm/file-run.ts";
import type { PcmFormat } from "../pcm/pcm-decode-args.ts";
import type { HeardPart, HearTask } from "./hear-segment.ts";
import { cutSegments, foldParts } from "./hear-segments.ts";

export interface HeardFile {
  readonly reading: LoudnessReading;
  /** Samples that were no numbers, or far beyond any level; they were heard as silence, and stand there still. */
  readonly silencedSamples: number;
}

/** Listens to PCM in a file by several threads. */
export async function hearFile(pool: ThreadPool, format: PcmFormat, run: FileRun): Promise<HeardFile> {
  const frameBytes = 4 * format.channels;
  const frames = run.length / frameBytes;
  const pieces = [{ path: run.path, at: run.at / frameBytes, from: 0, to: frames }];
  async function* cut(): AsyncGenerator<HearTask> {
    for await (const segment of cutSegments({ samplesPerPixel: null }, format, () => frames)) {
      yield {
        kind: "hear",
        format,
        pieces,
        segment,
        skipFrames: 0,
        ceiling: null,
        peaks: null,
        withPauses: false,
        guarded: true,
      };
    }
  }
  const parts: HeardPart[] = [];
  await runInOrder<HeardPart, HearTask>(pool, cut(), (part) => void parts.push(part));
  const { reading } = foldParts(format.sampleRateHz, parts, frames);
  return { reading, silencedSamples: parts.reduce((sum, part) => sum + part.silencedSamples, 0) };
}
