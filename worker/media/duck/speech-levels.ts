import { energyToLufs, GatedLoudness } from "../meters/gated-loudness.ts";

/** Blocks a second: fine enough for a look-ahead of 50 ms. */
export const blocksPerSecond = 100;

/** Steps of a decibel that are kept, and the level that 0 stands for; digital silence is 0 too. */
const stepsPerDb = 256;
const floorDb = -130;

/** Levels of consecutive 10 ms, two bytes each: ten hours are 7 MB. */
export interface LevelTrack {
  readonly length: number;
  /** Takes the mean square of the next block. */
  push(meanSquare: number): void;
  /** dB re full scale; −130 for silence. */
  levelDb(block: number): number;
  /** Mean square, 0 for silence; beyond either end too. */
  energy(block: number): number;
}

/** @param expected blocks; it grows beyond them, which takes room for both sizes for a while */
export function createLevelTrack(expected = 6_000): LevelTrack {
  let levels = new Uint16Array(Math.max(1, expected));
  let length = 0;
  return {
    get length() {
      return length;
    },
    push(meanSquare) {
      if (length === levels.length) {
        const larger = new Uint16Array(2 * length);
        larger.set(levels);
        levels = larger;
      }
      const steps = meanSquare > 0 ? Math.round((10 * Math.log10(meanSquare) - floorDb) * stepsPerDb) : 0;
      levels[length++] = Math.min(65_535, Math.max(0, steps));
    },
    levelDb: (block) => floorDb + (levels[block] ?? 0) / stepsPerDb,
    energy(block) {
      const steps = levels[block] ?? 0;
      return steps === 0 ? 0 : 10 ** ((floorDb + steps / stepsPerDb) / 10);
    },
  };
}

/** Programme loudness of blocks of 10 ms, null where it is silent. */
export function gatedLufs(blocks: number, energyAt: (block: number) => number): number | null {
  const gate = createBlockGate();
  for (let block = 0; block < blocks; block++) gate.add(energyAt(block));
  return gate.lufs();
}

/** Programme loudness of blocks of 10 ms; below 0.4 s, where nothing is gated, that of their mean. */
export function createBlockGate(): { add(energy: number): void; lufs(): number | null } {
  const gated = new GatedLoudness();
  const perStep = blocksPerSecond / 10;
  let count = 0;
  let total = 0;
  let step = 0;
  return {
    add(energy) {
      total += energy;
      step += energy;
      if (++count % perStep > 0) return;
      gated.add(step / perStep);
      step = 0;
    },
    lufs() {
      if (count >= 4 * perStep) return gated.integratedLufs();
      const mean = count === 0 ? 0 : total / count;
      return mean > 1e-7 ? energyToLufs(mean) : null;
    },
  };
}
