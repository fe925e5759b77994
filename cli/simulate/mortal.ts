/** The death of a process at one write: before it had its effect, or after. */
export class Crash extends Error {}

export interface CrashPoint {
  /** The write (1 is the first of this process) at which it dies; Infinity: never. */
  readonly atWrite: number;
  readonly when: "before" | "after";
}

/** How calls of processes interleave: each waits for its turn. */
export type Turn = <T>(label: string, call: () => Promise<T>) => Promise<T>;

/** One process: what it has written so far, and whether it is still there. */
export interface Life {
  readonly crash: CrashPoint;
  writes: number;
  dead: boolean;
  /** Called when it dies, for what waits in it. */
  onDeath: () => void;
}

const writes = new Set([
  ..."create update recordPulse send acknowledge release reject put swap remove putFile getFile launch stop".split(" "),
]);
/** They hand out one thing after the other; what dies with their reader is the next call of another method. */
const iterables = new Set(["list", "listActive", "listDue"]);

export const createLife = (crash: CrashPoint = { atWrite: Number.POSITIVE_INFINITY, when: "before" }): Life => ({
  crash,
  writes: 0,
  dead: false,
  onDeath: () => {},
});

/** Kills a process: none of its calls comes through any more. */
export function kill(life: Life): void {
  if (life.dead) return;
  life.dead = true;
  life.onDeath();
}

/** A port as one process sees it, until that process dies: from then on each call ends in a `Crash`. */
export function makeMortal<P extends object>(port: P, life: Life, turn?: Turn): P {
  const die = async <T>(name: string, call: () => Promise<T>): Promise<T> => {
    if (life.dead) throw new Crash();
    const fatal = writes.has(name) && ++life.writes === life.crash.atWrite;
    if (fatal && life.crash.when === "before") kill(life);
    if (life.dead) throw new Crash();
    const result = await call();
    if (fatal) kill(life);
    if (life.dead) throw new Crash();
    return result;
  };
  return new Proxy(port, {
    get: (target, name) => {
      const method: unknown = Reflect.get(target, name);
      if (typeof method !== "function") return method;
      const label = String(name);
      if (iterables.has(label)) return method.bind(target);
      return async (...args: unknown[]) => {
        if (life.dead) throw new Crash();
        const call = () => die(label, async () => method.apply(target, args) as unknown);
        return turn === undefined ? call() : turn(label, call);
      };
    },
  });
}

/** Whether a process ended because it was killed; use cases may have wrapped the reason. */
export const isCrash = (thrown: unknown): boolean =>
  thrown instanceof Crash || (thrown instanceof Error && thrown.cause instanceof Crash);
