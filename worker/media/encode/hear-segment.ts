import { closeSync, openSync, writeSync } from "node:fs";
import { createOverFinder, type Over } from "../meters/find-overs.ts";
import type { MeterFormat } from "../meters/loudness-kernel.ts";
import { createLoudnessPart, type LoudnessSums } from "../meters/loudness-part.ts";
import { createPauseMeter, type PauseSums } from "../meters/pause-meter.ts";
import type { Segment } from "../pcm/pcm-file.ts";
import { createPcmGuard } from "../pcm/pcm-guard.ts";
import type { Overs } from "../pcm/pcm-overs.ts";
import { type PcmPiece, readPieces } from "../pcm/pcm-pieces.ts";
import { toPcm16 } from "../pcm/to-pcm16.ts";
import { createPeaksAccumulator, type Peaks, type PeaksFormat } from "../waveform/peaks.ts";
import { createPcmCoder, type PcmCodec, pcmBytes } from "./pcm-coder.ts";

/** How a segment is listened to. */
export interface HearSetting {
  readonly format: MeterFormat;
  /** Frames of the sound. */
  readonly segment: Segment;
  /** Linear; peaks above it are looked for. Null: not. */
  readonly ceiling: number | null;
  /** Null: none are wanted. */
  readonly peaks: PeaksFormat | null;
  readonly withPauses: boolean;
  /**
   * Writes the samples into a PCM file, whose own begin at byte `dataAt`, and listens to what stands there.
   * @default they are only heard
   */
  readonly store?: { readonly path: string; readonly dataAt: number; readonly codec: PcmCodec } | undefined;
  /** Silences first what no recording holds. @default it was done before */
  readonly guarded?: boolean | undefined;
}

export interface HearTask extends HearSetting {
  readonly kind: "hear";
  /** What was encoded, decoded again. */
  readonly pieces: readonly PcmPiece[];
  /** The sound begins so many frames behind the first piece's begin. */
  readonly skipFrames: number;
}

/** What a segment adds to what is told of the whole. */
export interface HeardPart {
  readonly loudness: LoudnessSums;
  readonly overs: readonly Over[];
  /** Null where they were not wanted. */
  readonly pauses: PauseSums | null;
  readonly peaks: Peaks | null;
  /** Samples beyond full scale that were stored as integers, and the largest magnitude of any, 1 at the least. */
  readonly clipped: Overs;
  readonly silencedSamples: number;
}

/** Listens to one segment, and for meters that need it, to what lies beside it. */
export function hearSegment(task: HearTask): HeardPart {
  const { format, pieces, segment, skipFrames } = task;
  const listener = createListener(task);
  try {
    let at = segment.readFrom;
    for (const samples of readPieces(pieces, format.channels, at + skipFrames, segment.readTo + skipFrames)) {
      listener.push(samples, at);
      at += samples.length / format.channels;
    }
    return listener.finish();
  } finally {
    listener.close();
  }
}

export interface Listener {
  /** Samples, the first of them at that frame, in order; those that are to be read are heard, and what is heard is left there. */
  push(samples: Float32Array, frame: number): void;
  finish(): HeardPart;
  /** Lets go of the file. */
  close(): void;
}

export function createListener(setting: HearSetting): Listener {
  const { format, segment, ceiling, peaks: wanted } = setting;
  const { channels } = format;
  const { from, to, readFrom, readTo } = segment;
  const loudness = createLoudnessPart(format, { startFrame: readFrom, from, to });
  const finder = ceiling === null ? null : createOverFinder(format, ceiling);
  const pauses = setting.withPauses ? createPauseMeter(format) : null;
  const peaks = wanted === null ? null : createPeaksAccumulator(wanted);
  const store = setting.store === undefined ? null : openStore(setting.store, channels);
  const guards = setting.guarded === true ? [createSegmentGuard(format), createSegmentGuard(format)] : [];
  const [own, neighbours] = guards;
  let integers = new Int16Array(0);

  const hearBeside = (samples: Float32Array): void => {
    if (samples.length === 0) return;
    neighbours?.check(samples);
    store?.decode(samples);
    loudness.push(samples);
    finder?.push(samples);
  };
  const hearOwn = (samples: Float32Array, frame: number): void => {
    if (samples.length === 0) return;
    own?.check(samples);
    store?.write(samples, frame);
    loudness.push(samples);
    finder?.push(samples);
    pauses?.push(samples);
    if (peaks === null) return;
    if (integers.length < samples.length) integers = new Int16Array(samples.length);
    peaks.push(toPcm16(samples, integers));
  };
  return {
    push(samples, frame) {
      const part = (start: number, end: number) =>
        samples.subarray(Math.max(0, start - frame) * channels, Math.max(0, end - frame) * channels);
      hearBeside(part(readFrom, from));
      hearOwn(part(from, to), Math.max(from, frame));
      hearBeside(part(to, readTo));
    },
    finish() {
      const overs = (finder?.finish() ?? []).map((over) => ({ ...over, frame: over.frame + readFrom }));
      return {
        loudness: loudness.sums(),
        overs: overs.filter(({ frame }) => frame >= from && frame < to),
        pauses: pauses?.sums() ?? null,
        peaks: peaks?.finish() ?? null,
        clipped: store?.overs() ?? { count: 0, peak: 1 },
        silencedSamples: own?.silenced ?? 0,
      };
    },
    close: () => store?.close(),
  };
}

/** Every segment is short: only what is no sound is looked for. */
const createSegmentGuard = (format: MeterFormat) => createPcmGuard({ name: "a segment", ...format });

/** A PCM file that is written to at any place; in the samples is left what a decoder reads there. */
function openStore({ path, dataAt, codec }: NonNullable<HearSetting["store"]>, channels: number) {
  const [own, neighbours] = [createPcmCoder(codec), createPcmCoder(codec)];
  const file = openSync(path, "r+");
  return {
    decode: (samples: Float32Array) => void neighbours.encode(samples),
    write(samples: Float32Array, frame: number) {
      const bytes = own.encode(samples);
      const place = dataAt + frame * channels * pcmBytes[codec];
      for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done, bytes.length - done, place + done);
    },
    overs: () => own.overs,
    close: () => closeSync(file),
  };
}
