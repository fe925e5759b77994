import { MixdownError } from "../../core/errors.ts";
import type { Platform } from "../../core/platform.ts";
import type { JobQueue } from "../../core/ports.ts";
import { Crash, createLife, kill, type Life, makeMortal, type Turn } from "./mortal.ts";
import { happens, type Scene } from "./scene.ts";

export interface SimulatedProcess {
  readonly platform: Platform;
  readonly life: Life;
}

export interface ProcessOptions {
  /** It is killed after this. @default never */
  readonly limitMs?: number;
  /** Its calls are held up from then on, for that long. */
  readonly stall?: { readonly at: number; readonly forMs: number } | null;
}

/** The functions' time limit on AWS. */
export const functionMs = 29_000;
/** Most writes that a process of ours makes in one go; a crash is put at one of them. */
const writesOfOne = 12;

/** Starts a process: the platform as it sees it, with the time that calls take and with what befalls them. */
export function startProcess(scene: Scene, role: string, options: ProcessOptions = {}): SimulatedProcess {
  const { time, random, faults } = scene;
  const crashes = happens(scene, `${role} crashed`, faults.crash);
  const atWrite = crashes ? random.whole(1, writesOfOne) : Number.POSITIVE_INFINITY;
  const life = createLife({ atWrite, when: random.chance(0.5) ? "before" : "after" });
  const endsAt = time.clock.now() + (options.limitMs ?? Number.POSITIVE_INFINITY);
  const turn: Turn = async (label, call) => {
    // The API's own call of RunTask takes longer than a write to the table.
    await time.sleep(label === "launch" ? random.between(80, 250) : random.between(3, 25));
    const stall = options.stall ?? null;
    const held = stall === null || time.clock.now() < stall.at ? 0 : stall.at + stall.forMs - time.clock.now();
    if (held > 0) await time.sleep(held);
    if (time.clock.now() > endsAt) kill(life);
    if (life.dead) throw new Crash();
    if (!happens(scene, "store calls failed", faults.store)) return time.work(call);
    if (random.chance(0.5)) await time.work(call);
    throw new MixdownError("platform_unreachable", { message: `The call ${label} was not answered; try again.` });
  };
  const mortal = <P extends object>(port: P): P => makeMortal(port, life, turn);
  return {
    life,
    platform: {
      jobs: mortal(watchReading(scene)),
      queue: mortal(makeUnreliable(scene)),
      cache: mortal(scene.stores.cache),
      objects: mortal(scene.objects),
      deadLetters: mortal(scene.stores.deadLetters),
      launcher: mortal(scene.launcher),
      clock: time.clock,
      settings: scene.settings,
    },
  };
}

/** Lists are read in pieces; time must not go on between two of them. */
const watchReading = ({ stores: { jobs }, time }: Scene): Platform["jobs"] => ({
  ...jobs,
  listActive: () => time.workThrough(jobs.listActive()),
  listDue: (now) => time.workThrough(jobs.listDue(now)),
});

/** A queue that loses and repeats. */
const makeUnreliable = (scene: Scene): JobQueue => ({
  ...scene.stores.queue,
  send: async (message) => {
    const { queue } = scene.stores;
    if (happens(scene, "messages lost", scene.faults.lost)) return;
    await queue.send(message);
    scene.bell.ring();
    if (!happens(scene, "messages repeated", scene.faults.duplicate)) return;
    await queue.send({ ...message, deduplicationId: `${message.deduplicationId}/again` });
  },
});
