import type { PlatformSettings } from "../../core/platform.ts";
import type { TaskLauncher } from "../../core/ports.ts";
import type { Capacity } from "./capacity.ts";
import type { Faults } from "./faults.ts";
import type { Ledger } from "./ledger.ts";
import type { MemoryObjects } from "./memory-objects.ts";
import { isCrash } from "./mortal.ts";
import type { Random } from "./random.ts";
import type { JobFacts } from "./traffic.ts";
import type { VirtualTime } from "./virtual-time.ts";
import type { MemoryStores } from "./wiring.ts";

/** What happened that the use cases did not do, by name. */
export type Tally = Map<string, number>;

/** Everything that the parts of a play share. */
export interface Scene {
  readonly time: VirtualTime;
  readonly random: Random;
  readonly faults: Faults;
  readonly capacity: Capacity;
  readonly settings: PlatformSettings;
  readonly stores: MemoryStores;
  readonly objects: MemoryObjects;
  readonly ledger: Ledger;
  readonly tally: Tally;
  /** What only the job's file would tell. */
  readonly facts: Map<string, JobFacts>;
  readonly crew: Crew;
  /** Rings when there is a message. */
  readonly bell: Bell;
  launcher: TaskLauncher;
}

export const count = (tally: Tally, name: string): void => {
  tally.set(name, (tally.get(name) ?? 0) + 1);
};

/** Draws whether a fault happens, and takes it down if so. */
export function happens(scene: Scene, name: string, probability: number): boolean {
  const hit = scene.random.chance(probability);
  if (hit) count(scene.tally, name);
  return hit;
}

/** Processes that are on their way. One that dies is part of the play; one that breaks otherwise ends it. */
export class Crew {
  atWork = 0;
  fault: unknown = null;

  start(process: () => Promise<void>): void {
    this.atWork += 1;
    process()
      .catch((thrown: unknown) => {
        if (!isCrash(thrown)) this.fault ??= thrown;
      })
      .finally(() => {
        this.atWork -= 1;
      });
  }
}

/** Wakes whoever waits for something that may come at any time. */
export class Bell {
  #wake = () => {};

  ring = (): void => this.#wake();

  /** Until it rings, or `ms` have passed. */
  wait(time: VirtualTime, ms: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = time.after(ms, resolve);
      this.#wake = () => {
        cancel();
        resolve();
      };
    });
  }
}
