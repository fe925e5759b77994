import { createOverFinder, type Over } from "../meters/find-overs.ts";
import type { MeterFormat } from "../meters/loudness-kernel.ts";
import { createLoudnessPart, type LoudnessSums } from "../meters/loudness-part.ts";
import { createPauseMeter, type PauseSums } from "../meters/pause-meter.ts";
import type { Segment } from "../pcm/pcm-file.ts";
import { type PcmPiece, readPieces } from "../pcm/pcm-pieces.ts";
import { toPcm16 } from "../pcm/to-pcm16.ts";
import { createPeaksAccumulator, type Peaks, type PeaksFormat } from "../waveform/peaks.ts";

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
}

/** What a segment adds to what is told of the whole. */
export interface HeardPart {
  readonly loudness: LoudnessSums;
  readonly overs: readonly Over[];
  readonly pauses: PauseSums;
  readonly peaks: Peaks | null;
}

/** Listens to one segment, and for meters that need it, to what lies beside it. */
export function hearSegment({ format, pieces, segment, skipFrames, ceiling, peaks: wanted }: HearTask): HeardPart {
  const { from, to, readFrom, readTo } = segment;
  const loudness = createLoudnessPart(format, { startFrame: readFrom, from, to });
  const finder = ceiling === null ? null : createOverFinder(format, ceiling);
  const pauses = createPauseMeter(format);
  const peaks = wanted === null ? null : createPeaksAccumulator(wanted);
  let integers = new Int16Array(0);
  const read = (start: number, end: number) =>
    readPieces(pieces, format.channels, start + skipFrames, end + skipFrames);
  const beside = (samples: Float32Array): void => {
    loudness.push(samples);
    finder?.push(samples);
  };
  for (const samples of read(readFrom, from)) beside(samples);
  for (const samples of read(from, to)) {
    if (integers.length < samples.length) integers = new Int16Array(samples.length);
    beside(samples);
    pauses.push(samples);
    peaks?.push(toPcm16(samples, integers));
  }
  for (const samples of read(to, readTo)) beside(samples);
  const overs = (finder?.finish() ?? []).map((over) => ({ ...over, frame: over.frame + readFrom }));
  return {
    loudness: loudness.sums(),
    overs: overs.filter(({ frame }) => frame >= from && frame < to),
    pauses: pauses.sums(),
    peaks: peaks?.finish() ?? null,
  };
}
