import type { PlatformSettings } from "../../core/platform.ts";
import { call } from "./callers.ts";
import type { Capacity } from "./capacity.ts";
import type { Faults } from "./faults.ts";
import { createFleet } from "./fleet.ts";
import { Ledger } from "./ledger.ts";
import { MemoryObjects } from "./memory-objects.ts";
import { lookAfter } from "./operator.ts";
import { type Outcome, takeStock } from "./outcome.ts";
import { createRandom } from "./random.ts";
import { Bell, Crew, type Scene } from "./scene.ts";
import { startConsumers, visibilityTimeoutMs } from "./start-consumers.ts";
import { planTraffic } from "./traffic.ts";
import { VirtualTime } from "./virtual-time.ts";
import { type MemoryStores, openMemoryStores } from "./wiring.ts";

export interface SimulateOptions {
  readonly jobs: number;
  /** Milliseconds in which the jobs arrive, evenly. */
  readonly overMs: number;
  readonly faults: Faults;
  readonly capacity: Capacity;
  /** A whole number in [0, 2^32): the same gives the same play. */
  readonly seed: number;
  /** Ends the play early. */
  readonly signal?: AbortSignal | undefined;
  /** Told now and then how many jobs have ended. */
  readonly onProgress?: (ended: number) => void;
  /** Puts something else in the stores' place: how tests show that a mistake would be seen. */
  readonly tamper?: (stores: MemoryStores) => MemoryStores;
}

const startMs = Date.parse("2026-11-01T00:00:00Z");
/** What has not ended by then hangs: the longest time in the queue, and the longest work. */
const horizonMs = 4 * 24 * 3_600_000;

/** Longer than a message is out of sight. */
const restMs = 20 * 60_000;
const toldEvery = 500;
/** A rush comes in as fast as so many callers at once bring it: the API's functions are not more. */
const callersAtOnce = 500;

const settings: PlatformSettings = {
  defaultOwner: "local",
  sharedCache: false,
  mixdownVersion: "0",
  ffmpegMajor: 5,
  lanes: "aws",
  outputsMs: 30 * 86_400_000,
};

/**
 * Plays the platform's use cases against the embedded adapters in memory, in a time of its own, with everything going
 * wrong that the faults say, and tells what became of every job.
 * @throws what `signal` was aborted with, and any fault that was not put in on purpose
 */
export async function simulate(options: SimulateOptions): Promise<Outcome> {
  const time = new VirtualTime(startMs);
  const ledger = new Ledger(time.clock.now);
  const opened = openMemoryStores(time.clock, { visibilityTimeoutMs });
  const stores = options.tamper?.(opened) ?? opened;
  try {
    const random = createRandom(options.seed);
    const scene: Scene = {
      time,
      random,
      faults: options.faults,
      capacity: options.capacity,
      settings: { ...settings, lambdaLane: options.capacity.lambda > 0 },
      stores: { ...stores, jobs: ledger.watch(stores.jobs) },
      objects: new MemoryObjects(time.clock.now),
      ledger,
      tally: new Map(),
      facts: new Map(),
      crew: new Crew(),
      bell: new Bell(),
      launcher: {
        launch: () => Promise.reject(new Error("no fleet")),
        stop: async () => {},
        isAlive: async () => false,
      },
    };
    scene.launcher = createFleet(scene);
    await play(scene, options);
    return await takeStock(scene, startMs);
  } finally {
    opened.close();
  }
}

async function play(scene: Scene, options: SimulateOptions): Promise<void> {
  const { time, crew, ledger, random, faults } = scene;
  const traffic = planTraffic(random.fork("traffic"), options.jobs, options.overMs, faults);
  let busy = true;
  let asking = 0;
  let over = false;
  crew.start(async () => {
    for (const arrival of traffic) {
      await time.sleep(startMs + arrival.afterMs - time.clock.now());
      while (asking >= callersAtOnce) await time.sleep(20);
      asking += 1;
      crew.start(async () => {
        await call(scene, arrival);
        asking -= 1;
      });
    }
    busy = false;
  });
  startConsumers(scene, () => over);
  const isStopped = () => crew.fault !== null || options.signal?.aborted === true;
  const isLate = () => time.clock.now() > startMs + options.overMs + horizonMs;
  let told = 0;
  const drain = () =>
    time.run(() => {
      if (ledger.ended >= told + toldEvery) {
        told = ledger.ended;
        options.onProgress?.(told);
      }
      return isStopped() || isLate() || (!busy && ledger.outstanding === 0);
    });
  await drain();
  ledger.drainedAt = ledger.lastEndAt;
  // Messages that make no job may still be on their way.
  const restEnd = time.clock.now() + restMs;
  await time.run(() => isStopped() || time.clock.now() > restEnd);
  ledger.letters = await scene.stores.deadLetters.list();
  busy = true;
  crew.start(async () => {
    await lookAfter(scene);
    busy = false;
  });
  await drain();
  over = true;
  // Late workers too must not do any harm: each is let go on to its end.
  await time.run(() => isStopped() || crew.atWork === 0);
  options.signal?.throwIfAborted();
  if (crew.fault !== null) throw crew.fault;
}
