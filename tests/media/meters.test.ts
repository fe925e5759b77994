import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { createLoudnessMeter, type LoudnessReading } from "../../worker/media/meters/loudness-meter.ts";
import { wav } from "../fixtures/hostile/byte-builders.ts";
import { decode, ffmpeg, speak, useMediaFixtures } from "./media-fixtures.ts";

const fixtures = useMediaFixtures();

interface Tone {
  readonly seconds: number;
  /** Peak level of each channel, dBFS. */
  readonly levels: readonly number[];
}
const alike = (seconds: number, level: number): Tone => ({ seconds, levels: [level, level] });

/** 1 kHz in all channels, one level behind the other, interleaved. */
function tones(parts: readonly Tone[], sampleRateHz = 48_000): Float32Array {
  const frames = parts.reduce((sum, part) => sum + Math.round(part.seconds * sampleRateHz), 0);
  const channels = parts[0]?.levels.length ?? 1;
  const samples = new Float32Array(frames * channels);
  let at = 0;
  for (const { seconds, levels } of parts) {
    const amplitudes = levels.map((level) => 10 ** (level / 20));
    for (let frame = 0; frame < Math.round(seconds * sampleRateHz); frame++) {
      const value = Math.sin((2 * Math.PI * 1_000 * (at / channels)) / sampleRateHz);
      for (const amplitude of amplitudes) samples[at++] = amplitude * value;
    }
  }
  return samples;
}

function measure(samples: Float32Array, format: { sampleRateHz: number; channels: number; channelLayout?: string }) {
  const meter = createLoudnessMeter(format);
  meter.push(samples);
  return meter.finish();
}

/** ffmpeg's own meter on a file; resolution 0.1. */
async function witness(path: string): Promise<{ lufs: number; range: number; peak: number }> {
  const log = await ffmpeg("-i", path, "-map", "0:a:0", "-af", "ebur128=peak=true", "-f", "null", "-");
  const summary = log.slice(log.lastIndexOf("Summary:"));
  const read = (pattern: RegExp) => Number(pattern.exec(summary)?.[1] ?? Number.NaN);
  return { lufs: read(/I:\s+(\S+) LUFS/), range: read(/LRA:\s+(\S+) LU/), peak: read(/Peak:\s+(\S+) dBFS/) };
}

const asFloatWav = (samples: Float32Array, channels: number, rate = 48_000): Buffer =>
  wav(Buffer.from(samples.buffer, samples.byteOffset, samples.byteLength), { formatCode: 3, bits: 32, channels, rate });

/** EBU Tech 3341 (2023), table 1: the synthetic signals for programme loudness. Tolerance ±0.1 LU. */
const programmes: readonly (readonly [number, readonly Tone[], lufs: number])[] = [
  [1, [alike(20, -23)], -23],
  [2, [alike(20, -33)], -33],
  [3, [alike(10, -36), alike(60, -23), alike(10, -36)], -23],
  [4, [alike(10, -72), alike(10, -36), alike(60, -23), alike(10, -36), alike(10, -72)], -23],
  [5, [alike(20, -26), alike(20.1, -20), alike(20, -26)], -23],
];

test.each(programmes)(
  "fails when EBU Tech 3341 signal %i is not read as it must be, by two meters",
  async (n, parts, lufs) => {
    const samples = tones(parts);
    const reading = measure(samples, { sampleRateHz: 48_000, channels: 2 });
    expect(Math.abs((reading.integratedLufs ?? 0) - lufs)).toBeLessThanOrEqual(0.1);
    const path = fixtures.file(`ebu-${n}.wav`);
    writeFileSync(path, asFloatWav(samples, 2));
    expect(Math.abs((await witness(path)).lufs - (reading.integratedLufs ?? 0))).toBeLessThanOrEqual(0.11);
  },
);

test("fails when EBU Tech 3341 signal 6 (surround: 5.0, -28/-28/-24/-30/-30) is not -23 LUFS, also at 44.1 kHz", () => {
  for (const sampleRateHz of [48_000, 44_100]) {
    const samples = tones([{ seconds: 20, levels: [-28, -28, -24, -30, -30] }], sampleRateHz);
    const reading = measure(samples, { sampleRateHz, channels: 5, channelLayout: "5.0" });
    expect(Math.abs((reading.integratedLufs ?? 0) + 23)).toBeLessThanOrEqual(0.1);
  }
});

/** EBU Tech 3342, table 1: 20 s at each level. Tolerance ±1 LU. */
const ranges: readonly (readonly [number, readonly number[], lu: number])[] = [
  [1, [-20, -30], 10],
  [2, [-20, -15], 5],
  [3, [-40, -20], 20],
  [4, [-50, -35, -20, -35, -50], 15],
];

test.each(ranges)(
  "fails when the loudness range of EBU Tech 3342 signal %i is wrong, by two meters",
  async (n, levels, lu) => {
    const samples = tones(levels.map((level) => alike(20, level)));
    const reading = measure(samples, { sampleRateHz: 48_000, channels: 2 });
    expect(Math.abs((reading.loudnessRangeLu ?? 0) - lu)).toBeLessThanOrEqual(1);
    const path = fixtures.file(`range-${n}.wav`);
    writeFileSync(path, asFloatWav(samples, 2));
    expect(Math.abs((await witness(path)).range - (reading.loudnessRangeLu ?? 0))).toBeLessThanOrEqual(0.2);
  },
);

/** Faded at both ends: an abrupt edge has a peak of its own, which is not what these signals are about. */
function faded(sample: (at: number) => number, length = 48_000): Float32Array {
  const edge = 4_800;
  return Float32Array.from({ length }, (_, at) => sample(at) * Math.min(1, at / edge, (length - 1 - at) / edge));
}

/** EBU Tech 3341, table 1: sines whose peaks lie between samples. Tolerance +0.2/−0.4 dB. */
const sines: readonly (readonly [number, divisor: number, degrees: number, amplitude: number, dbtp: number])[] = [
  [15, 4, 0, 0.5, -6],
  [16, 4, 45, 0.5, -6],
  [17, 6, 60, 0.5, -6],
  [18, 8, 67.5, 0.5, -6],
  [19, 4, 45, 1.41, 3],
];

const expectPeak = (reading: LoudnessReading, dbtp: number): void => {
  expect(reading.truePeakDbtp ?? -99).toBeGreaterThanOrEqual(dbtp - 0.4);
  expect(reading.truePeakDbtp ?? 99).toBeLessThanOrEqual(dbtp + 0.2);
};

test.each(sines)(
  "fails when EBU Tech 3341 signal %i (fs/%i, %d°, %d) has another true peak",
  (_n, divisor, degrees, amplitude, dbtp) => {
    const phase = (degrees * Math.PI) / 180;
    const tone = faded((at) => amplitude * Math.sin((2 * Math.PI * at) / divisor + phase));
    for (const sampleRateHz of [44_100, 48_000, 96_000]) {
      expectPeak(measure(tone, { sampleRateHz, channels: 1 }), dbtp);
    }
  },
);

/**
 * Signals 20 to 23: made at four times the rate, one period that reaches full scale among smaller ones, then low-passed
 * and decimated with an offset of 0 to 3. What is right is told by a sinc sum over the whole signal, 32 points a sample.
 */
function decimated(offset: number): Float32Array {
  const middle = 8_000;
  const dense = Float64Array.from({ length: 2 * middle }, (_, at) => {
    const inBurst = at >= middle && at < middle + 16;
    const edge = Math.min(1, at / 1_600, (2 * middle - 1 - at) / 1_600);
    return edge * (inBurst ? 1 : 0.5) * Math.sin((2 * Math.PI * (at - middle)) / (inBurst ? 16 : 24));
  });
  // Kaiser-free and plain: a windowed sinc at a quarter of the rate, long enough to be flat up to 22 kHz.
  const reach = 256;
  const kernel = Array.from({ length: 2 * reach + 1 }, (_, index) => {
    const x = (index - reach) / 4;
    const sinc = x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
    return (sinc / 4) * (0.5 + 0.5 * Math.cos((Math.PI * (index - reach)) / (reach + 1)));
  });
  return Float32Array.from({ length: (2 * middle) / 4 - 1 }, (_, at) =>
    kernel.reduce((sum, weight, index) => sum + weight * (dense[4 * at + offset + index - reach] ?? 0), 0),
  );
}

function truePeakBySinc(samples: Float32Array): number {
  let peak = 0;
  const middle = Math.floor(samples.length / 2);
  for (let position = middle - 24; position <= middle + 24; position += 1 / 32) {
    let sum = 0;
    for (const [at, sample] of samples.entries()) {
      const x = position - at;
      sum += sample * (Math.abs(x) < 1e-9 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x));
    }
    peak = Math.max(peak, Math.abs(sum));
  }
  return 20 * Math.log10(peak);
}

test.each([20, 21, 22, 23])("fails when a burst between samples (EBU Tech 3341 signal %i) is missed", (n) => {
  const samples = decimated(n - 20);
  const truth = truePeakBySinc(samples);
  expect(truth).toBeGreaterThan(-1.5);
  expectPeak(measure(samples, { sampleRateHz: 48_000, channels: 1 }), truth);
});

/** Recordings as people have them, each read by our meter, by ffmpeg's, and its peak by sox. */
const recordings: readonly (readonly [string, make: (path: string) => Promise<unknown>])[] = [
  ["a voice, mono, 48 kHz", (path) => speak("The meter must agree with the others, word by word.", path)],
  ["a voice, mono, 44.1 kHz", (path) => speak("Another rate, and the same sentence to be read.", path, 44_100)],
  ["a voice at 16 kHz", (path) => speak("As telephones and speech services have it.", path, 16_000)],
  [
    "music, stereo",
    (path) =>
      ffmpeg("-v", "error", "-stream_loop", "3", "-i", "assets/demo/music-bed.opus", "-t", "40", "-ac", "2", path),
  ],
  ["music, stereo, 44.1 kHz", (path) => ffmpeg("-v", "error", "-i", "assets/demo/intro.mp3", "-ar", "44100", path)],
  ["a loud voice, clipped", (path) => speak("Far too close to the microphone!", path, 48_000, "-af", "volume=18dB")],
];

test.each(recordings.map(([what, make], index) => ({ what, make, index })))(
  "fails when the meters disagree on $what",
  async ({ make, index }) => {
    const path = fixtures.file(`recording-${index}.wav`);
    await make(path);
    const bytes = readFileSync(path);
    const [channels, sampleRateHz] = [bytes.readUInt16LE(22), bytes.readUInt32LE(24)];
    const reading = measure(await decode(path), { sampleRateHz, channels });
    const other = await witness(path);
    expect(Math.abs((reading.integratedLufs ?? 0) - other.lufs)).toBeLessThanOrEqual(0.11);
    // ffmpeg counts the first 3 s too, while its window is filling: short recordings get a range that they do not have.
    if (reading.frames > 30 * sampleRateHz) {
      expect(Math.abs((reading.loudnessRangeLu ?? 0) - other.range)).toBeLessThanOrEqual(0.3);
    }
    expect(Math.abs((reading.truePeakDbtp ?? 0) - other.peak)).toBeLessThanOrEqual(0.2);
    // sox's resampler is nobody's relative here; headroom first, or it would clip what lies between samples.
    const args = ["-V1", path, "-n", "gain", "-12", "rate", "-v", "192k", "stats"];
    const { stderr } = spawnSync("sox", args, { encoding: "utf8" });
    const peak = Number(/Pk lev dB\s+(\S+)/.exec(stderr)?.[1]) + 12;
    expect(Math.abs((reading.truePeakDbtp ?? 0) - peak)).toBeLessThanOrEqual(0.2);
  },
);
