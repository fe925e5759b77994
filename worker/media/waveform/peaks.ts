import { MixdownError } from "../../../core/errors.ts";

/** Bits of one peak value: 8 gives -128..127, 16 gives -32768..32767. */
export type PeakBits = 8 | 16;

export interface PeaksFormat {
  readonly sampleRateHz: number;
  /** Channels of the PCM that is pushed; the peaks themselves are of their mono mix. */
  readonly channels: number;
  /** Frames that one minimum/maximum pair stands for; at least 2, as in audiowaveform. */
  readonly samplesPerPixel: number;
  readonly bits: PeakBits;
}

/** One waveform: `data` holds minimum and maximum alternating, two values a pixel. */
export interface Peaks {
  readonly sampleRateHz: number;
  readonly samplesPerPixel: number;
  readonly bits: PeakBits;
  /** Number of minimum/maximum pairs. */
  readonly length: number;
  readonly data: Int8Array | Int16Array;
}

export interface PeaksAccumulator {
  /** Takes interleaved s16le; a chunk may end anywhere, also inside a sample. */
  push(chunk: Uint8Array): void;
  /** Takes peaks of the same format in place of the samples that they stand for; between whole pixels only. */
  append(peaks: Peaks): void;
  /** The peaks of all frames so far; a last pixel that is not full counts too. An unfinished frame is dropped. */
  finish(): Peaks;
}

/** Above the sum of any frame, and a small integer for the engine. */
const lowestStart = 2 ** 30 - 1;

/**
 * Collects audiowaveform peaks from a stream of PCM in one pass; memory grows by the peaks alone (2 bytes a pixel, 4 of 16 bits).
 * Mono mix and 8 bit are cut toward zero by integer division, as audiowaveform does (WaveformGenerator.cpp).
 * @throws MixdownError `usage_invalid` when a format field is out of range.
 */
export function createPeaksAccumulator(format: PeaksFormat): PeaksAccumulator {
  checkFormat(format);
  const { channels, samplesPerPixel, bits } = format;
  const Values = bits === 8 ? Int8Array : Int16Array;
  // Cut twice is as cut once.
  const divisor = bits === 8 ? 256 * channels : channels;
  const frameBytes = channels * 2;
  const rest = new Uint8Array(frameBytes);
  let restBytes = 0;
  let pairs: Int8Array | Int16Array = new Values(4096);
  let used = 0;
  let inPixel = 0;
  let low = lowestStart;
  let high = -lowestStart;

  const makeRoom = (values: number): void => {
    if (used + values <= pairs.length) return;
    const larger = new Values(Math.max(pairs.length * 2, used + values));
    larger.set(pairs);
    pairs = larger;
  };

  const closePixel = (): void => {
    makeRoom(2);
    // Cutting toward zero keeps the order, so one division a pixel gives what one a frame would.
    pairs[used] = Math.trunc(low / divisor);
    pairs[used + 1] = Math.trunc(high / divisor);
    used += 2;
    inPixel = 0;
    low = lowestStart;
    high = -lowestStart;
  };

  const scan = (samples: Int16Array): void => {
    const frames = samples.length / channels;
    let at = 0;
    for (let frame = 0; frame < frames; ) {
      const until = Math.min(frames, frame + samplesPerPixel - inPixel);
      inPixel += until - frame;
      let lowest = low;
      let highest = high;
      for (; frame < until; frame++) {
        let sum = samples[at++] as number;
        for (let channel = 1; channel < channels; channel++) sum += samples[at++] as number;
        if (sum < lowest) lowest = sum;
        if (sum > highest) highest = sum;
      }
      low = lowest;
      high = highest;
      if (inPixel === samplesPerPixel) closePixel();
    }
  };

  return {
    push(chunk) {
      let from = 0;
      if (restBytes > 0) {
        from = Math.min(frameBytes - restBytes, chunk.length);
        rest.set(chunk.subarray(0, from), restBytes);
        restBytes += from;
        if (restBytes < frameBytes) return;
        scan(toSamples(rest));
        restBytes = 0;
      }
      const whole = chunk.length - from - ((chunk.length - from) % frameBytes);
      if (whole > 0) scan(toSamples(chunk.subarray(from, from + whole)));
      restBytes = chunk.length - from - whole;
      rest.set(chunk.subarray(from + whole));
    },
    append({ data }) {
      if (inPixel > 0 || restBytes > 0) throw new RangeError("peaks cannot be appended in the middle of a pixel");
      makeRoom(data.length);
      pairs.set(data, used);
      used += data.length;
    },
    finish() {
      if (inPixel > 0) closePixel();
      return {
        sampleRateHz: format.sampleRateHz,
        samplesPerPixel,
        bits,
        length: used / 2,
        data: pairs.subarray(0, used),
      };
    },
  };
}

/** A view of the bytes as samples, copied only where they start at an odd address. Node's hosts are little-endian. */
function toSamples(bytes: Uint8Array): Int16Array {
  const aligned = bytes.byteOffset % 2 === 0 ? bytes : new Uint8Array(bytes);
  return new Int16Array(aligned.buffer, aligned.byteOffset, aligned.length / 2);
}

function checkFormat({ sampleRateHz, channels, samplesPerPixel, bits }: PeaksFormat): void {
  const require = (ok: boolean, what: string, value: number, allowed: string): void => {
    if (!ok) throw new MixdownError("usage_invalid", { message: `peaks: ${what} is ${value}; allowed is ${allowed}.` });
  };
  require(Number.isInteger(sampleRateHz) && sampleRateHz > 0, "sampleRateHz", sampleRateHz, "a positive integer");
  require(Number.isInteger(channels) && channels > 0, "channels", channels, "a positive integer");
  require(bits === 8 || bits === 16, "bits", bits, "8 or 16");
  require(Number.isInteger(samplesPerPixel) &&
    samplesPerPixel >= 2, "samplesPerPixel", samplesPerPixel, "an integer from 2 up");
}
