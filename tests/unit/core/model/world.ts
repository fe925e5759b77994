import { openDatabase } from "../../../../adapters/embedded/database.ts";
import { createSqliteDeadLetterStore } from "../../../../adapters/embedded/dead-letter-store.ts";
import { createSqliteJobQueue } from "../../../../adapters/embedded/job-queue.ts";
import { createSqliteJobStore } from "../../../../adapters/embedded/job-store.ts";
import { createSqliteResultCache } from "../../../../adapters/embedded/result-cache.ts";
import { handleMessage, settleDeadLetter } from "../../../../core/handle-message.ts";
import { isTerminal, type Job, type JobRef } from "../../../../core/job.ts";
import type { Platform } from "../../../../core/platform.ts";
import type { LaunchRequest } from "../../../../core/ports.ts";
import { reconcile } from "../../../../core/reconcile.ts";
import type { Engine } from "../../../../core/run.ts";
import { runAttempt } from "../../../../core/run-attempt.ts";
import { settleAttempt } from "../../../../core/settle.ts";
import { MemoryObjects } from "./memory-objects.ts";

/** The death of a process at one write: before it had its effect, or after. */
export class Crash extends Error {}

export interface CrashPoint {
  /** The write (1 is the first of this process) at which it dies; Infinity: never. */
  readonly atWrite: number;
  readonly when: "before" | "after";
}

const writes = new Set([
  ..."create update recordPulse send acknowledge release reject put swap remove putFile getFile launch stop".split(" "),
]);

/** How calls of processes interleave: each waits for its turn. */
export type Turn = <T>(label: string, call: () => Promise<T>) => Promise<T>;

/** A platform in memory whose processes can be stopped at every single write. The stores survive, as disks do. */
export class World {
  nowMs = Date.parse("2026-11-01T00:00:00Z");
  readonly objects = new MemoryObjects(() => this.nowMs);
  /** Every committed write that ended a job, in order. */
  readonly ends: Job[] = [];
  /** Contents that were processed, once each time. */
  readonly processed: string[] = [];
  readonly tasks: (LaunchRequest & { taskId: string; started: boolean })[] = [];
  /** Every attempt in which this job's recipe is told to fail, and how. */
  failing: (job: Job) => Error | null = () => null;
  /** Holds a run up in the middle of its processing. */
  holdUp: (job: Job) => Promise<void> = async () => {};
  readonly #db = openDatabase(":memory:");
  readonly #clock = { now: () => this.nowMs };
  readonly #jobs = createSqliteJobStore(this.#db, this.#clock);
  readonly #queue = createSqliteJobQueue(this.#db, this.#clock, { visibilityTimeoutMs: 30_000, maxReceiveCount: 5 });

  close(): void {
    this.#db.close();
  }

  /** The platform as one process sees it, until that process dies. */
  process(crash: CrashPoint = { atWrite: Number.POSITIVE_INFINITY, when: "before" }, turn?: Turn): Platform {
    const life = { writes: 0, dead: false };
    const mortal = <P extends object>(port: P): P =>
      new Proxy(port, {
        get: (target, name) => {
          const method = Reflect.get(target, name) as unknown;
          if (typeof method !== "function") return method;
          if (name === "list" || name === "listActive" || name === "listDue") return method.bind(target);
          return async (...args: unknown[]) => {
            if (life.dead) throw new Crash();
            const call = async () => {
              if (life.dead) throw new Crash();
              const fatal = writes.has(String(name)) && ++life.writes === crash.atWrite;
              if (fatal) life.dead = true;
              if (fatal && crash.when === "before") throw new Crash();
              const result: unknown = await method.apply(target, args);
              if (fatal) throw new Crash();
              return result;
            };
            return turn === undefined ? call() : turn(String(name), call);
          };
        },
      });
    return {
      jobs: mortal(this.#watched()),
      queue: mortal(this.#queue),
      cache: mortal(createSqliteResultCache(this.#db)),
      objects: mortal(this.objects),
      deadLetters: mortal(createSqliteDeadLetterStore(this.#db, this.#clock)),
      launcher: mortal(this.#launcher()),
      clock: this.#clock,
      settings: {
        defaultOwner: "local",
        sharedCache: false,
        mixdownVersion: "0",
        ffmpegMajor: 5,
        lanes: "embedded",
        outputsMs: 30 * 86_400_000,
      },
    };
  }

  #watched() {
    const jobs = this.#jobs;
    return Object.assign(Object.create(jobs) as typeof jobs, {
      update: async (before: Job, after: Job) => {
        const written = await jobs.update(before, after);
        if (written && isTerminal(after.status)) this.ends.push(after);
        return written;
      },
    });
  }

  #launcher() {
    return {
      launch: async (request: LaunchRequest) => {
        const standing = this.tasks.find((task) => task.clientToken === request.clientToken);
        if (standing !== undefined) return { taskId: standing.taskId };
        const task = { ...request, taskId: `task-${this.tasks.length + 1}`, started: false };
        this.tasks.push(task);
        return { taskId: task.taskId };
      },
      stop: async () => {},
      isAlive: async () => false,
    };
  }

  /** One pass of the invoker. Swallows its death; a message in its hands comes back after the visibility timeout. */
  async invoke(crash?: CrashPoint, turn?: Turn): Promise<number> {
    const platform = this.process(crash, turn);
    try {
      const messages = await platform.queue.receive(10);
      for (const message of messages) {
        const outcome = await handleMessage(platform, message);
        if (outcome.action === "acknowledge") await platform.queue.acknowledge(message.receipt);
        else await platform.queue.reject(message, outcome.reason);
      }
      for (const letter of await platform.queue.receiveDeadLetters(10)) {
        await settleDeadLetter(platform, letter);
        await platform.queue.acknowledge(letter.receipt);
      }
      return messages.length;
    } catch (thrown) {
      return surviveCrash(thrown);
    }
  }

  /** Runs one worker for a task; the launcher's owner notices its end only when `noticed`. */
  async work(
    ref: JobRef,
    attempt: number,
    options: { crash?: CrashPoint; turn?: Turn; noticed?: boolean } = {},
  ): Promise<void> {
    const platform = this.process(options.crash, options.turn);
    const paths: string[] = [];
    const engine: Engine = {
      inputPath: (index) => {
        paths[index] = `/scratch/${this.processed.length}-${Math.random()}/${index}`;
        return paths[index];
      },
      process: async (work) => {
        const failure = this.failing(work.job);
        if (failure !== null) throw failure;
        await this.holdUp(work.job);
        const text = `${work.job.kind}(${work.inputs.map((input) => this.objects.files.get(input.path)).join("+")})`;
        this.processed.push(text);
        work.onProgress("processing", 50);
        const path = `${paths[0]}.out`;
        this.objects.files.set(path, text);
        return {
          outputs: [{ name: "out.wav", path, contentType: "audio/wav", durationSeconds: 1 }],
          report: { before: [], after: null },
          warnings: [],
          engine: { mixdown: "0", ffmpeg: "5", steps: [] },
        };
      },
    };
    try {
      await runAttempt(platform, ref, attempt, engine, new AbortController().signal);
    } catch (thrown) {
      surviveCrash(thrown);
    }
    if (options.noticed === true) await settleAttempt(this.process(), ref, attempt, "crashed");
  }

  async reconcile(crash?: CrashPoint, turn?: Turn, boot = false): Promise<void> {
    try {
      await reconcile(this.process(crash, turn), { boot });
    } catch (thrown) {
      surviveCrash(thrown);
    }
  }

  /** Tasks that nobody has started, which are then started. */
  takeTasks(): (LaunchRequest & { taskId: string })[] {
    const waiting = this.tasks.filter((task) => !task.started);
    for (const task of waiting) task.started = true;
    return waiting;
  }

  /** Lets everything go on without further deaths until nothing moves, as the running platform would. */
  async settle(): Promise<void> {
    for (let round = 0; round < 200; round++) {
      const moved = await this.invoke();
      for (const task of this.takeTasks()) await this.work(task.ref, task.attempt);
      const active = await this.active();
      if (active.length === 0) return;
      if (moved === 0) this.nowMs += 31_000;
      await this.reconcile();
    }
  }

  async active(): Promise<Job[]> {
    const jobs: Job[] = [];
    for await (const job of this.#jobs.listActive()) jobs.push(job);
    return jobs;
  }

  get = (ref: JobRef) => this.#jobs.get(ref);
}

function surviveCrash(thrown: unknown): number {
  if (thrown instanceof Crash || (thrown as Error).cause instanceof Crash) return 0;
  throw thrown;
}
