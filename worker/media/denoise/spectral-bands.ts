/** The frames of one level: how many, and per channel their mean spectrum and mean logarithms. */
export interface LevelClass {
  count: number;
  /** Power in the speech band, all channels together. */
  energy: number;
  readonly power: readonly Float64Array[];
  /** Mean logarithm (dB) of every `watchStep`th bin. */
  readonly logs: readonly Float64Array[];
}

/** What the sums were made with. */
export interface SurveyScale {
  readonly sampleRateHz: number;
  readonly windowSize: number;
  readonly channels: number;
}

/** Level classes of 1 dB of the mean logarithm over the bands. */
export const classCount = 130;
/** dB: the lowest class, and what digital silence counts as in a band. */
export const lowestClassDb = -120;
/** Every so many bins are watched for how much they fluctuate; all would cost more and tell no more. */
export const watchStep = 4;
/** Speech lies here; rumble and hiss do not. */
export const speechBandHz = { low: 200, high: 6_000 };

/** First bins of third octaves from 125 Hz to 8 kHz or the Nyquist frequency, and one past the last; none is empty. */
export function buildBandEdges(sampleRateHz: number, windowSize: number): readonly number[] {
  const top = Math.min(8_980, sampleRateHz / 2);
  const edges: number[] = [];
  for (let hz = 111; hz <= top; hz *= 2 ** (1 / 3)) {
    const bin = Math.round((hz * windowSize) / sampleRateHz);
    if (bin > (edges.at(-1) ?? 0)) edges.push(bin);
  }
  return edges;
}

/** RMS of one-sided `energy` under a root-Hann window (whose squares sum to half its size), per channel, dBFS. */
export function toDbfs(energy: number, windowSize: number, channels: number, lowest = -300): number {
  return Math.max(lowest, 10 * Math.log10((4 * energy) / (windowSize * windowSize * channels) + 1e-30));
}
