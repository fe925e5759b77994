/** Resolution and span of the histograms, LU and LUFS. Memory stays the same for a minute and for a day. */
const binsPerLu = 100;
const floorLufs = -70;
const binCount = 100 * binsPerLu;

/** Offset of BS.1770-4 between mean square and loudness. */
export const energyToLufs = (energy: number): number => -0.691 + 10 * Math.log10(energy);

/** Blocks above the absolute gate by level: how many, and their energy. */
class Histogram {
  readonly counts = new Float64Array(binCount);
  readonly energies = new Float64Array(binCount);

  add(energy: number): void {
    const lufs = energyToLufs(energy);
    if (!(lufs > floorLufs)) return;
    const bin = Math.min(binCount - 1, Math.floor((lufs - floorLufs) * binsPerLu));
    this.counts[bin] = (this.counts[bin] ?? 0) + 1;
    this.energies[bin] = (this.energies[bin] ?? 0) + energy;
  }

  /** Mean energy and count of the blocks from `firstBin` up. */
  sumFrom(firstBin: number): { count: number; mean: number } {
    let count = 0;
    let energy = 0;
    for (let bin = Math.max(0, firstBin); bin < binCount; bin++) {
      count += this.counts[bin] ?? 0;
      energy += this.energies[bin] ?? 0;
    }
    return { count, mean: count === 0 ? 0 : energy / count };
  }

  /** First bin of the blocks within `rangeLu` below the mean of all, or null when there is none. */
  gate(rangeLu: number): number | null {
    const all = this.sumFrom(0);
    if (all.count === 0) return null;
    return Math.floor((energyToLufs(all.mean) - rangeLu - floorLufs) * binsPerLu);
  }

  /** Level under which `fraction` of the blocks from `firstBin` up lie. */
  percentile(firstBin: number, fraction: number): number {
    const { count } = this.sumFrom(firstBin);
    const wanted = (count - 1) * fraction;
    let seen = 0;
    for (let bin = Math.max(0, firstBin); bin < binCount; bin++) {
      seen += this.counts[bin] ?? 0;
      if (seen > wanted) return floorLufs + (bin + 0.5) / binsPerLu;
    }
    return floorLufs;
  }
}

/**
 * Collects mean squares of consecutive 100 ms and gates them: 400 ms blocks for programme loudness (BS.1770-4),
 * 3 s windows for loudness range (EBU Tech 3342).
 */
export class GatedLoudness {
  readonly #blocks = new Histogram();
  readonly #windows = new Histogram();
  /** The last 3 s, 100 ms each. */
  readonly #recent = new Float64Array(30);
  #seen = 0;

  add(meanSquare: number): void {
    this.#recent[this.#seen % 30] = meanSquare;
    this.#seen++;
    if (this.#seen >= 4) this.#blocks.add(this.#meanOfLast(4));
    if (this.#seen >= 30) this.#windows.add(this.#meanOfLast(30));
  }

  #meanOfLast(count: number): number {
    let sum = 0;
    for (let back = 1; back <= count; back++) sum += this.#recent[(this.#seen - back) % 30] ?? 0;
    return sum / count;
  }

  /** LUFS; null under 0.4 s and where every block lies under the absolute gate of −70. */
  integratedLufs(): number | null {
    const gate = this.#blocks.gate(10);
    return gate === null ? null : energyToLufs(this.#blocks.sumFrom(gate).mean);
  }

  /** LU; null under 3 s and on silence. */
  loudnessRangeLu(): number | null {
    const gate = this.#windows.gate(20);
    return gate === null ? null : this.#windows.percentile(gate, 0.95) - this.#windows.percentile(gate, 0.1);
  }
}
