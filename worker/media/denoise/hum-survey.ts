import { createRealFft } from "./spectral-fft.ts";

export interface HumFindings {
  /** Fundamental as measured, near 50 or 60 Hz. */
  readonly fundamentalHz: number;
  /** Which multiples of it were found, 1 being the fundamental itself. */
  readonly harmonics: readonly number[];
}

export interface HumSurvey {
  /** Interleaved whole frames. */
  push(samples: Float32Array): void;
  /** Null when there is no hum, or less than two seconds to tell it from a voice by. */
  finish(): HumFindings | null;
  sums(): HumSums;
}

/** Windows that were seen: how often each bin had which level, and their weighted power. */
export interface HumSums {
  windows: number;
  readonly histogram: Uint32Array;
  readonly shape: Float64Array;
}

interface HumFormat {
  readonly sampleRateHz: number;
  readonly channels: number;
}

/** Up to here lines are looked for: mains harmonics above are weaker than any noise they come with. */
const highestHz = 1_000;
const size = 2_048;
/** Levels of a bin over time, in classes of 2 dB from here up. */
const lowestDb = -140;
const classes = 80;

/**
 * Looks for lines at multiples of 50 or 60 Hz that never go away: a line counts by the level that it has in four of five
 * windows of about 0.85 s. A voice moves on or pauses in that time; hum does neither.
 */
export function createHumSurvey(format: HumFormat): HumSurvey {
  const { factor, bins } = chooseGrid(format);
  const decimator = createDecimator(factor, format.channels);
  const fft = createRealFft(size);
  const window = Float64Array.from({ length: size }, (_, at) => 0.5 - 0.5 * Math.cos((2 * Math.PI * at) / size));
  const histogram = new Uint32Array(bins * classes);
  const shape = new Float64Array(bins);
  const block = new Float64Array(size);
  const windowed = new Float64Array(size);
  const re = new Float64Array(size / 2 + 1);
  const im = new Float64Array(size / 2 + 1);
  let filled = 0;
  let windows = 0;

  const analyse = (): void => {
    for (let at = 0; at < size; at++) windowed[at] = (block[at] as number) * (window[at] as number);
    fft.forward(windowed, re, im);
    windows++;
    let energy = 1e-12;
    for (let bin = 0; bin < bins; bin++) energy += (re[bin] as number) ** 2 + (im[bin] as number) ** 2;
    for (let bin = 0; bin < bins; bin++) {
      const power = (re[bin] as number) ** 2 + (im[bin] as number) ** 2;
      // A sine of amplitude 1 shows as size/4 under a Hann window.
      const level = 10 * Math.log10(power * (4 / size) ** 2 + 1e-16);
      const at = bin * classes + Math.min(classes - 1, Math.max(0, Math.floor((level - lowestDb) / 2)));
      histogram[at] = (histogram[at] as number) + 1;
      // Quiet windows show the lines best: they weigh most.
      shape[bin] = (shape[bin] as number) + power / (energy * energy);
    }
  };

  return {
    push(samples) {
      for (const value of decimator(samples)) {
        block[filled++] = value;
        if (filled === size) {
          analyse();
          block.copyWithin(0, size / 2);
          filled = size / 2;
        }
      }
    },
    finish: () => describeHum({ windows, histogram, shape }, format),
    sums: () => ({ windows, histogram, shape }),
  };
}

export function addHum(into: HumSums, { windows, histogram, shape }: HumSums): void {
  into.windows += windows;
  for (const [at, count] of histogram.entries()) into.histogram[at] = (into.histogram[at] as number) + count;
  for (const [bin, power] of shape.entries()) into.shape[bin] = (into.shape[bin] as number) + power;
}

/** As `finish`. */
export function describeHum({ windows, histogram, shape }: HumSums, format: HumFormat): HumFindings | null {
  const { bins, binHz } = chooseGrid(format);
  if (windows < 4) return null;
  const levels = Float64Array.from({ length: bins }, (_, bin) =>
    findLevel(histogram.subarray(bin * classes, (bin + 1) * classes), windows * 0.2),
  );
  const found = [50, 60].map((base) => findLines(base, levels, shape, binHz));
  const [best] = found.filter((lines) => lines !== null).sort((a, b) => b.strengthDb - a.strengthDb);
  return best === undefined ? null : { fundamentalHz: best.fundamentalHz, harmonics: best.harmonics };
}

function chooseGrid({ sampleRateHz }: HumFormat) {
  const factor = Math.max(1, Math.floor(sampleRateHz / (2.4 * highestHz)));
  const binHz = sampleRateHz / factor / size;
  return { factor, binHz, bins: Math.ceil((highestHz + 60) / binHz) };
}

/** The level under which `wanted` of the windows lie. */
function findLevel(counts: Uint32Array, wanted: number): number {
  let seen = 0;
  for (const [index, count] of counts.entries()) {
    seen += count;
    if (seen > wanted) return lowestDb + 2 * index + 1;
  }
  return lowestDb;
}

/** How far a line must stand above its surroundings; 2 dB classes and the scatter of noise stay under 8. */
const prominenceDb = 10;
/** Quieter than this it is not heard, whatever gain follows. */
const faintestDb = -85;

function findLines(
  base: number,
  levels: Float64Array,
  shape: Float64Array,
  binHz: number,
): { fundamentalHz: number; harmonics: number[]; strengthDb: number } | null {
  const lines: { k: number; hz: number; strengthDb: number }[] = [];
  for (let k = 1; k * base <= highestHz; k++) {
    // Mains stay within 0.2 Hz of their nominal value; the clock of a recorder adds less.
    const reach = (0.3 * k) / binHz + 1;
    const center = (k * base) / binHz;
    let peak = Math.ceil(center - reach);
    for (let bin = peak; bin <= center + reach; bin++) if ((shape[bin] ?? 0) > (shape[peak] ?? 0)) peak = bin;
    const strengthDb = (levels[peak] ?? lowestDb) - findSurroundings(levels, peak);
    const hz = interpolatePeak(shape, peak) * binHz;
    if (strengthDb >= prominenceDb && (levels[peak] ?? lowestDb) > faintestDb && Math.abs(hz / k - base) < 0.4) {
      lines.push({ k, hz, strengthDb });
    }
  }
  const total = lines.reduce((sum, line) => sum + line.strengthDb, 0);
  const alone = lines.length === 1 && lines[0]?.k === 1 && total >= 15;
  if (lines.length < 2 && !alone) return null;
  // Least squares over f_k = k·f, each line by how far it stands out: a voice that passes over a harmonic pulls at it.
  const weigh = (pick: (line: { k: number; hz: number }) => number) =>
    lines.reduce((sum, line) => sum + 10 ** (line.strengthDb / 10) * line.k * pick(line), 0);
  const fundamentalHz = weigh(({ hz }) => hz) / weigh(({ k }) => k);
  return { fundamentalHz, harmonics: lines.map(({ k }) => k), strengthDb: total };
}

/** Median level beside a line, outside its main lobe. */
function findSurroundings(levels: Float64Array, peak: number): number {
  const beside: number[] = [];
  for (let away = 4; away <= 13; away++) {
    for (const bin of [peak - away, peak + away]) {
      const level = levels[bin];
      if (level !== undefined) beside.push(level);
    }
  }
  beside.sort((a, b) => a - b);
  return beside[beside.length >> 1] ?? 0;
}

/** Place of a line between bins, from the ratio of the two highest under a Hann window. */
function interpolatePeak(power: Float64Array, peak: number): number {
  const [before, at, after] = [peak - 1, peak, peak + 1].map((bin) => Math.sqrt(power[bin] ?? 0)) as [
    number,
    number,
    number,
  ];
  if (at === 0) return peak;
  const ratio = Math.max(before, after) / at;
  const offset = (2 * ratio - 1) / (1 + ratio);
  return after >= before ? peak + offset : peak - offset;
}

/** Mono mix at a `factor`-th of the rate, behind a Hann-windowed sinc of eight periods. */
function createDecimator(factor: number, channels: number): (samples: Float32Array) => number[] {
  const taps = 8 * factor;
  const weights = Float64Array.from({ length: taps }, (_, tap) => {
    const x = (tap - (taps - 1) / 2) / factor;
    const sinc = x === 0 ? 1 : Math.sin(Math.PI * x * 0.9) / (Math.PI * x * 0.9);
    return sinc * Math.sin((Math.PI * (tap + 0.5)) / taps) ** 2;
  });
  const scale = 1 / (weights.reduce((total, weight) => total + weight, 0) * channels);
  let mono = new Float64Array(taps);
  let kept = 0;
  return (samples) => {
    const count = samples.length / channels;
    if (kept + count > mono.length) {
      const larger = new Float64Array(2 * (kept + count));
      larger.set(mono.subarray(0, kept));
      mono = larger;
    }
    mixDown(samples, channels, mono, kept);
    const length = kept + count;
    const out: number[] = [];
    let start = 0;
    for (; start + taps <= length; start += factor) out.push(scale * weigh(mono, start, weights));
    mono.copyWithin(0, start, length);
    kept = length - start;
    return out;
  };
}

function mixDown(samples: Float32Array, channels: number, mono: Float64Array, start: number): void {
  for (let at = 0, frame = start; at < samples.length; frame++) {
    let value = 0;
    for (let channel = 0; channel < channels; channel++) value += samples[at++] as number;
    mono[frame] = value;
  }
}

function weigh(values: Float64Array, start: number, weights: Float64Array): number {
  let sum = 0;
  for (let tap = 0; tap < weights.length; tap++) sum += (weights[tap] as number) * (values[start + tap] as number);
  return sum;
}
