import { closeSync, openSync, writeSync } from "node:fs";
import { createOverFinder, type Over } from "../meters/find-overs.ts";
import type { MeterFormat } from "../meters/loudness-kernel.ts";
import { createLoudnessPart, type LoudnessSums } from "../meters/loudness-part.ts";
import { createPauseMeter, type PauseSums } from "../meters/pause-meter.ts";
import type { Segment } from "../pcm/pcm-file.ts";
import { type PcmPiece, readPieces } from "../pcm/pcm-pieces.ts";
import { toPcm16 } from "../pcm/to-pcm16.ts";
import { createPeaksAccumulator, type Peaks, type PeaksFormat } from "../waveform/peaks.ts";
import { createPcmCoder, type PcmCodec, pcmBytes } from "./pcm-coder.ts";

export interface HearTask {
  readonly kind: "hear";
  readonly format: MeterFormat;
  /** What was encoded, decoded again. */
  readonly pieces: readonly PcmPiece[];
  /** Frames of the sound, which begins `skipFrames` behind the first piece's begin. */
  readonly segment: Segment;
  readonly skipFrames: number;
  /** Linear; peaks above it are looked for. Null: not. */
  readonly ceiling: number | null;
  /** Null: none are wanted. */
  readonly peaks: PeaksFormat | null;
  /**
   * Writes the samples into a PCM file, whose own begin at byte `dataAt`, and listens to what stands there.
   * @default they are only heard
   */
  readonly store?: { readonly path: string; readonly dataAt: number; readonly codec: PcmCodec } | undefined;
}

/** What a segment adds to what is told of the whole. */
export interface HeardPart {
  readonly loudness: LoudnessSums;
  readonly overs: readonly Over[];
  readonly pauses: PauseSums;
  readonly peaks: Peaks | null;
}

/** Listens to one segment, and for meters that need it, to what lies beside it. */
export function hearSegment(task: HearTask): HeardPart {
  const { format, pieces, segment, skipFrames, ceiling, peaks: wanted } = task;
  const { from, to, readFrom, readTo } = segment;
  const loudness = createLoudnessPart(format, { startFrame: readFrom, from, to });
  const finder = ceiling === null ? null : createOverFinder(format, ceiling);
  const pauses = createPauseMeter(format);
  const peaks = wanted === null ? null : createPeaksAccumulator(wanted);
  const store = task.store === undefined ? null : openStore(task.store, format.channels);
  let integers = new Int16Array(0);
  const read = (start: number, end: number) =>
    readPieces(pieces, format.channels, start + skipFrames, end + skipFrames);
  const beside = (samples: Float32Array): void => {
    loudness.push(samples);
    finder?.push(samples);
  };
  try {
    for (const samples of read(readFrom, from)) {
      store?.decode(samples);
      beside(samples);
    }
    let at = from;
    for (const samples of read(from, to)) {
      store?.write(samples, at);
      at += samples.length / format.channels;
      if (integers.length < samples.length) integers = new Int16Array(samples.length);
      beside(samples);
      pauses.push(samples);
      peaks?.push(toPcm16(samples, integers));
    }
    for (const samples of read(to, readTo)) {
      store?.decode(samples);
      beside(samples);
    }
  } finally {
    store?.close();
  }
  const overs = (finder?.finish() ?? []).map((over) => ({ ...over, frame: over.frame + readFrom }));
  return {
    loudness: loudness.sums(),
    overs: overs.filter(({ frame }) => frame >= from && frame < to),
    pauses: pauses.sums(),
    peaks: peaks?.finish() ?? null,
  };
}

/** A PCM file that is written to at any place; in the samples is left what a decoder reads there. */
function openStore({ path, dataAt, codec }: NonNullable<HearTask["store"]>, channels: number) {
  const encode = createPcmCoder(codec);
  const file = openSync(path, "r+");
  return {
    decode: (samples: Float32Array) => void encode(samples),
    write(samples: Float32Array, frame: number) {
      const bytes = encode(samples);
      const place = dataAt + frame * channels * pcmBytes[codec];
      for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done, bytes.length - done, place + done);
    },
    close: () => closeSync(file),
  };
}
