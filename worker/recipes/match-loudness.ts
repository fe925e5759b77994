/** What is known of an input before all are brought to one loudness. */
export interface MatchInput {
  /** As it will sound in the output, LUFS; null where it cannot be measured. */
  readonly integratedLufs: number | null;
  readonly truePeakDbtp: number | null;
  readonly seconds: number;
}

export interface LoudnessMatch {
  /** The inputs' common loudness; null when none can be measured. */
  readonly targetLufs: number | null;
  /** One an input. */
  readonly gainsDb: readonly number[];
  /** What is missing from the target, dB, where the true peak holds an input back; else 0. */
  readonly heldBackDb: readonly number[];
}

/** True peak that no gain raises an input above, dBTP (EBU R 128's maximum). */
const ceilingDbtp = -1;

/**
 * Gains that bring all inputs to the mean of their energy weighted by duration, so that the whole keeps its loudness.
 * An input that cannot be measured, or whose true peak stands above the ceiling already, is never raised.
 */
export function matchLoudness(inputs: readonly MatchInput[]): LoudnessMatch {
  let energy = 0;
  let seconds = 0;
  for (const input of inputs) {
    if (input.integratedLufs === null) continue;
    energy += input.seconds * 10 ** (input.integratedLufs / 10);
    seconds += input.seconds;
  }
  if (seconds === 0) return { targetLufs: null, gainsDb: inputs.map(() => 0), heldBackDb: inputs.map(() => 0) };
  const targetLufs = 10 * Math.log10(energy / seconds);
  const wanted = inputs.map(({ integratedLufs }) => (integratedLufs === null ? 0 : targetLufs - integratedLufs));
  const gainsDb = inputs.map(({ truePeakDbtp }, index) => {
    const gain = wanted[index] ?? 0;
    const headroom = Math.max(0, ceilingDbtp - (truePeakDbtp ?? ceilingDbtp));
    return round(gain > 0 ? Math.min(gain, headroom) : gain);
  });
  const heldBackDb = gainsDb.map((gain, index) => Math.max(0, round((wanted[index] ?? 0) - gain)));
  return { targetLufs, gainsDb, heldBackDb };
}

/** To 0.01 dB, downwards: a ceiling is not passed by rounding. */
const round = (db: number): number => Math.floor(db * 100 + 1e-9) / 100;
