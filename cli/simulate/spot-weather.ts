import type { Random } from "./random.ts";

/** Mean length of a time without capacity: minutes, so that a play of an hour sees several. */
const drySpellMs = 6 * 60_000;

/** When Spot has capacity and when not. */
export interface SpotWeather {
  isDry(at: number): boolean;
  /** How long a task may work until its capacity is taken away, milliseconds. */
  drawInterruption(): number;
}

/**
 * @param dry share of the time without capacity
 * @param perHour how often a task is interrupted in an hour of its work
 */
export function createSpotWeather(random: Random, startMs: number, dry: number, perHour: number): SpotWeather {
  /** Turns of the weather: dry from the first to the second, and so on. */
  const turns: number[] = [];
  let until = startMs;
  const foresee = (at: number): void => {
    while (dry > 0 && until <= at) {
      const fair = random.exponential((drySpellMs * (1 - dry)) / dry);
      const spell = random.exponential(drySpellMs);
      turns.push(until + fair, until + fair + spell);
      until += fair + spell;
    }
  };
  return {
    isDry(at) {
      foresee(at);
      return turns.findLastIndex((turn) => turn <= at) % 2 === 0;
    },
    drawInterruption: () => (perHour === 0 ? Number.POSITIVE_INFINITY : random.exponential(3_600_000 / perHour)),
  };
}
