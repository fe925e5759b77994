import { buildBandEdges, type LevelClass, type SurveyScale, toDbfs, watchStep } from "./spectral-bands.ts";
import type { NoiseProfile } from "./spectral-denoiser.ts";

export interface NoiseFindings {
  /** RMS of the pauses, all channels together, dBFS; null where there is no pause but digital silence. */
  readonly noiseFloorDbfs: number | null;
  /** Level of the pauses in the speech band, dBFS. */
  readonly pauseDbfs: number | null;
  /** Mean level of what stands well above the pauses, dBFS in the speech band; null when nothing does. */
  readonly speechDbfs: number | null;
  /** What the pauses hold: a noise that a profile describes, flat or coloured; or music, voices, the recording's own end. */
  readonly texture: "white" | "coloured" | "unsteady";
  /** Of the steady channels; null when none is. */
  readonly profile: NoiseProfile | null;
}

/** Share of the frames that are taken for pauses at least. */
const pauseShare = 0.03;
/** Fewer frames cannot tell a noise from anything else. */
const fewestPauses = 6;
/** Classes of 1 dB that the level of a pause's frames strays over. */
const pauseClasses = 3;
/**
 * Logarithm of the mean power less mean of its logarithm: 10·γ/ln 10 = 2.51 dB where the power is exponentially
 * distributed, as that of any stationary Gaussian noise is. Seen: 2.4 to 2.8 on steady noises, with speech at 0 dB SNR up
 * to 3.1; 4.5 and more on sixteen voices, fewer voices, music and the tails of clean speech. A constant tone has 0.
 */
const steadyDb = { least: 1.6, most: 3.7, mostOfUpperQuarter: 4.6 };
/**
 * The same over frequency, of the mean spectrum against its neighbourhood: 0.02 to 0.2 dB on noise; 2.2 and more on
 * held chords, which are as steady as any fan.
 */
const tonalDb = 1.2;
/** From here on above the pauses it is the voice, dB. */
const aboveDb = 7;
/** Bins to each side that make the neighbourhood. */
const neighbours = 6;
/** A channel whose pauses are quieter is taken for silent, dBFS. */
const silentDbfs = -100;
/** Standard deviation of the third octaves' density, dB, up to which a noise is white. */
const whiteSpreadDb = 2.5;

/** Decides which level classes are pauses, and what they hold. */
export function describePauses(classes: readonly (LevelClass | undefined)[], scale: SurveyScale): NoiseFindings {
  const { windowSize, channels } = scale;
  const pauses = choosePauses(classes);
  const count = pauses.reduce((sum, entry) => sum + entry.count, 0);
  if (count < fewestPauses) {
    return { noiseFloorDbfs: null, pauseDbfs: null, speechDbfs: null, texture: "unsteady", profile: null };
  }
  const found = Array.from({ length: channels }, (_, channel) => describeChannel(pauses, count, channel, scale));
  const energy = found.reduce((sum, one) => sum + sumOf(one.power), 0);
  const pauseDbfs = toDbfs(pauses.reduce((sum, entry) => sum + entry.energy, 0) / count, windowSize, channels);
  const steady = found.filter((one) => one.steady);
  const white = steady.every((one) => one.spreadDb <= whiteSpreadDb);
  return {
    noiseFloorDbfs: toDbfs(energy, windowSize, channels),
    pauseDbfs,
    speechDbfs: findSpeechLevel(classes, pauseDbfs, scale),
    texture: steady.length === 0 ? "unsteady" : white ? "white" : "coloured",
    profile: steady.length === 0 ? null : { windowSize, channels: found.map((one) => (one.steady ? one.power : null)) },
  };
}

/** The quietest frames that are not digital silence, and those that are hardly louder. */
function choosePauses(classes: readonly (LevelClass | undefined)[]): readonly LevelClass[] {
  const total = classes.reduce((sum, entry) => sum + (entry?.count ?? 0), 0);
  let seen = 0;
  const quietest = classes.findIndex((entry) => {
    seen += entry?.count ?? 0;
    return seen > 0 && seen >= pauseShare * total;
  });
  return classes.slice(0, quietest + pauseClasses).filter((entry) => entry !== undefined);
}

interface ChannelPauses {
  readonly power: Float64Array;
  readonly steady: boolean;
  readonly spreadDb: number;
}

function describeChannel(
  pauses: readonly LevelClass[],
  count: number,
  channel: number,
  scale: SurveyScale,
): ChannelPauses {
  const power = meanOf(
    pauses.map((entry) => entry.power[channel]),
    count,
  );
  const logs = meanOf(
    pauses.map((entry) => entry.logs[channel]),
    count,
  );
  const edges = buildBandEdges(scale.sampleRateHz, scale.windowSize);
  const densities: number[] = [];
  const fluctuations: number[] = [];
  for (let band = 0; band + 1 < edges.length; band++) {
    const [from, to] = [edges[band] as number, edges[band + 1] as number];
    densities.push(10 * Math.log10(sumOf(power.subarray(from, to)) / (to - from) + 1e-30));
    const watched: number[] = [];
    for (let at = Math.ceil(from / watchStep); at * watchStep < to; at++) {
      watched.push(10 * Math.log10((power[at * watchStep] as number) + 1e-30) - (logs[at] as number));
    }
    if (watched.length > 0) fluctuations.push(mean(watched));
  }
  // Ranks, not a mean: a hum's lines, a band that a codec has emptied, are not the noise.
  const ranked = fluctuations.sort((a, b) => a - b);
  const median = ranked[ranked.length >> 1] ?? 0;
  const upper = ranked[Math.floor(ranked.length * 0.75)] ?? 0;
  const audible = toDbfs(sumOf(power), scale.windowSize, 1) > silentDbfs;
  const average = mean(densities);
  return {
    power,
    steady:
      audible &&
      median >= steadyDb.least &&
      median <= steadyDb.most &&
      upper <= steadyDb.mostOfUpperQuarter &&
      measureTonality(power, scale) <= tonalDb,
    spreadDb: Math.sqrt(mean(densities.map((density) => (density - average) ** 2))),
  };
}

/** Mean over 300 to 6,000 Hz of how far the bins' mean logarithm lies under the logarithm of their mean, dB. */
function measureTonality(power: Float64Array, { sampleRateHz, windowSize }: SurveyScale): number {
  const toBin = (hz: number) => Math.round((hz * windowSize) / sampleRateHz);
  const [from, to] = [Math.max(neighbours, toBin(300)), Math.min(power.length - 1 - neighbours, toBin(6_000))];
  const excess: number[] = [];
  for (let bin = from; bin < to; bin += 2 * neighbours + 1) {
    const around = power.subarray(bin - neighbours, bin + neighbours + 1);
    const logs = [...around].map((value) => 10 * Math.log10(value + 1e-30));
    excess.push(10 * Math.log10(sumOf(around) / around.length + 1e-30) - mean(logs));
  }
  return mean(excess);
}

/** Mean level of the classes that stand well above the pauses in the speech band: a noise's own strays by 3 dB. */
function findSpeechLevel(
  classes: readonly (LevelClass | undefined)[],
  pauseDbfs: number,
  { windowSize, channels }: SurveyScale,
): number | null {
  let count = 0;
  let energy = 0;
  for (const entry of classes) {
    if (entry === undefined || toDbfs(entry.energy / entry.count, windowSize, channels) < pauseDbfs + aboveDb) continue;
    count += entry.count;
    energy += entry.energy;
  }
  return count === 0 ? null : toDbfs(energy / count, windowSize, channels);
}

function meanOf(sums: readonly (Float64Array | undefined)[], count: number): Float64Array {
  const result = new Float64Array(sums[0]?.length ?? 0);
  for (const sum of sums) {
    for (let at = 0; at < result.length; at++) result[at] = (result[at] as number) + (sum?.[at] ?? 0) / count;
  }
  return result;
}

const sumOf = (values: Float64Array): number => values.reduce((sum, value) => sum + value, 0);

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
