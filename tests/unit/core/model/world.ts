import { MemoryObjects } from "../../../../cli/simulate/memory-objects.ts";
import { type CrashPoint, createLife, isCrash, makeMortal, type Turn } from "../../../../cli/simulate/mortal.ts";
import { openMemoryStores } from "../../../../cli/simulate/wiring.ts";
import { handleMessage, settleDeadLetter } from "../../../../core/handle-message.ts";
import { isTerminal, type Job, type JobRef } from "../../../../core/job.ts";
import type { Platform } from "../../../../core/platform.ts";
import type { LaunchRequest } from "../../../../core/ports.ts";
import { reconcile } from "../../../../core/reconcile.ts";
import type { Engine } from "../../../../core/run.ts";
import { runAttempt } from "../../../../core/run-attempt.ts";
import { settleAttempt } from "../../../../core/settle.ts";

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
  readonly #clock = { now: () => this.nowMs };
  readonly #stores = openMemoryStores(this.#clock, { visibilityTimeoutMs: 30_000 });

  close(): void {
    this.#stores.close();
  }

  /** The platform as one process sees it, until that process dies. */
  process(crash?: CrashPoint, turn?: Turn): Platform {
    const life = createLife(crash);
    const mortal = <P extends object>(port: P): P => makeMortal(port, life, turn);
    return {
      jobs: mortal(this.#watched()),
      queue: mortal(this.#stores.queue),
      cache: mortal(this.#stores.cache),
      objects: mortal(this.objects),
      deadLetters: mortal(this.#stores.deadLetters),
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
    const { jobs } = this.#stores;
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
        const text = `${work.job.kind}(${work.inputs.map((input) => this.objects.files.get(input.path)?.text).join("+")})`;
        this.processed.push(text);
        work.onProgress("processing", 50);
        const path = `${paths[0]}.out`;
        this.objects.files.set(path, { text, sizeBytes: text.length });
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
    for await (const job of this.#stores.jobs.listActive()) jobs.push(job);
    return jobs;
  }

  get = (ref: JobRef) => this.#stores.jobs.get(ref);
}

function surviveCrash(thrown: unknown): number {
  if (isCrash(thrown)) return 0;
  throw thrown;
}
