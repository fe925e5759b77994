import { MixdownError } from "../../core/errors.ts";
import type { JobRef, Size } from "../../core/job.ts";
import { estimateSeconds } from "../../core/lane.ts";
import type { Engine, EngineResult, EngineWork } from "../../core/run.ts";
import { runAttempt } from "../../core/run-attempt.ts";
import type { AttemptLoss, TaskEnd } from "../../core/settle.ts";
import { Crash, kill } from "./mortal.ts";
import { type SimulatedProcess, startProcess } from "./process.ts";
import { count, happens, type Scene } from "./scene.ts";
import { bytesPerSecond, contentType, output } from "./traffic.ts";

/** A worker that was asked for: waiting for its start, or at work. */
export interface Task {
  readonly ref: JobRef;
  readonly attempt: number;
  readonly lane: "lambda" | "fargate" | "fargate-spot";
  readonly size: Size;
  readonly taskId: string;
  stopped: boolean;
  /** SIGTERM to the worker, once there is one. */
  terminate: () => void;
}

/** SIGTERM to SIGKILL of a task (its definition's stopTimeout). */
const graceMs = 120_000;
/** Lambda's longest call, and how long before it the worker stops itself: there is no SIGTERM. */
const functionLimitMs = 900_000;
const functionReserveMs = 20_000;
const sizes: readonly Size[] = ["S", "M", "L", "XL"];
const stallMs = { from: 30_000, to: 300_000 };

/** A worker's whole life, from its start to its end. */
export async function work(scene: Scene, task: Task, interruptedAfterMs: number): Promise<TaskEnd> {
  const { time, random, faults } = scene;
  const startedAt = time.clock.now();
  const stalls = happens(scene, "workers stalled", faults.stall);
  const stall = { at: time.clock.now() + random.exponential(20_000), forMs: random.between(stallMs.from, stallMs.to) };
  const process = startProcess(scene, "worker", { stall: stalls ? stall : null });
  const interrupted = new AbortController();
  let loss: AttemptLoss = "crashed";
  let detail = "EssentialContainerExited";
  const die = (why: AttemptLoss, how: string): void => {
    [loss, detail] = [why, how];
    kill(process.life);
  };
  const plans = [] as (() => void)[];
  task.terminate = () => {
    interrupted.abort();
    plans.push(time.after(graceMs, () => kill(process.life)));
  };
  if (Number.isFinite(interruptedAfterMs)) {
    plans.push(
      time.after(interruptedAfterMs, () => {
        count(scene.tally, "Spot interruptions");
        [loss, detail] = ["interrupted", "SpotInterruption"];
        task.terminate();
      }),
    );
  }
  if (happens(scene, "workers killed", faults.kill)) {
    plans.push(time.after(random.exponential(30_000), () => die("crashed", "SIGKILL")));
  }
  if (task.lane === "lambda") {
    plans.push(time.after(functionLimitMs - functionReserveMs, () => interrupted.abort()));
    plans.push(time.after(functionLimitMs, () => die("crashed", "Sandbox.Timedout")));
  }
  const engine = createSimulatedEngine(scene, task, process, () => die("out-of-memory", "OutOfMemoryError"));
  let exitCode: number | null = 0;
  try {
    await runAttempt(process.platform, task.ref, task.attempt, engine, interrupted.signal);
  } catch {
    // Also an error of the stores ends a worker; what its job becomes is not for it to say any more.
    exitCode = process.life.dead ? 137 : 1;
  }
  for (const cancel of plans) cancel();
  engine.clear();
  scene.ledger.noteWork(task.lane, task.size, time.clock.now() - startedAt);
  task.terminate = () => {};
  return { ref: task.ref, attempt: task.attempt, taskId: task.taskId, exitCode, loss, detail };
}

/** The media engine with time in place of work. */
function createSimulatedEngine(
  scene: Scene,
  task: Task,
  process: SimulatedProcess,
  runOut: () => void,
): Engine & { clear(): void } {
  const { objects, random, facts, faults } = scene;
  const folder = `/scratch/${task.taskId}/`;
  const paths = [`${folder}${output}`];
  return {
    inputPath: (index) => {
      const path = `${folder}in/${index}`;
      paths.push(path);
      return path;
    },
    clear: () => {
      for (const path of paths) objects.files.delete(path);
    },
    process: async (job) => {
      const { needs, broken, durationSeconds } = facts.get(job.job.jobId) ?? {
        needs: "S",
        broken: false,
        durationSeconds: 60,
      };
      const seconds = estimateSeconds(job.job.kind, { durationSeconds, sizeBytes: 0 }) ?? 60;
      const workMs = random.logNormal(seconds * 1_000, 0.3);
      if (broken) throw new MixdownError("input_corrupt", { message: "The recording cannot be decoded." });
      await wait(scene, process, job, workMs / 2);
      if (sizes.indexOf(needs) > sizes.indexOf(job.job.size)) {
        count(scene.tally, "workers out of memory");
        runOut();
        throw new Crash();
      }
      if (happens(scene, "ffmpeg fell over", faults.ffmpeg)) {
        throw new MixdownError("platform_ffmpeg_failed", { message: "ffmpeg ended with exit code 69." });
      }
      job.onProgress("processing", 50);
      await wait(scene, process, job, workMs / 2);
      const sources = job.inputs.map(({ path }) => objects.files.get(path)?.text ?? "");
      return buildResult(scene, `${folder}${output}`, `${job.job.kind}(${sources.join("+")})`, durationSeconds);
    },
  };
}

function buildResult(scene: Scene, path: string, text: string, durationSeconds: number): EngineResult {
  scene.objects.files.set(path, { text, sizeBytes: Math.round(durationSeconds * bytesPerSecond) });
  return {
    outputs: [{ name: output, path, contentType, durationSeconds }],
    report: { before: [], after: null },
    warnings: [],
    engine: { mixdown: "0", ffmpeg: "5", steps: [] },
  };
}

/** Lets a run's time pass; ends early when the run is told to, or when its process is no more. */
const wait = ({ time }: Scene, { life }: SimulatedProcess, { signal }: EngineWork, ms: number): Promise<void> =>
  new Promise((resolve, reject) => {
    const stop = (reason: unknown) => {
      cancel();
      reject(reason);
    };
    const cancel = time.after(ms, resolve);
    if (signal.aborted) stop(signal.reason);
    if (life.dead) stop(new Crash());
    signal.addEventListener("abort", () => stop(signal.reason), { once: true });
    life.onDeath = () => stop(new Crash());
  });
