import { MixdownError } from "../../core/errors.ts";
import type { Lane, Size } from "../../core/job.ts";
import type { LaunchRequest, TaskLauncher } from "../../core/ports.ts";
import { launchRates, TokenBucket } from "./capacity.ts";
import { FunctionPool } from "./function-pool.ts";
import { count, happens, type Scene } from "./scene.ts";
import { createSpotWeather } from "./spot-weather.ts";
import { tellOfTaskEnd } from "./task-end.ts";
import { type Task, work } from "./worker.ts";

/** vCPUs of a size (limits: S 1 vCPU to XL 8). */
const vcpusOf: Record<Size, number> = { S: 1, M: 2, L: 4, XL: 8 };
/** Image pull and start of a Fargate task: most take under a minute, none longer than this. */
const taskStart = { medianMs: 40_000, sigma: 0.35, longestMs: 200_000 };
/** A task without capacity says so after a while. */
const failedStartMs = { from: 20_000, to: 180_000 };

/** ECS and Lambda as the launcher sees them: quotas, rates, weather, and tasks that work. */
export function createFleet(scene: Scene): TaskLauncher {
  const { time, random, faults, capacity, tally } = scene;
  const weather = createSpotWeather(random.fork("weather"), time.clock.now(), faults.dry, faults.interruption);
  const calls = new TokenBucket({ ...launchRates.runTask, perSecond: capacity["run-task"] });
  const starts = {
    fargate: new TokenBucket(launchRates.fargate),
    "fargate-spot": new TokenBucket(launchRates["fargate-spot"]),
  };
  const used = { fargate: 0, "fargate-spot": 0 };
  const byToken = new Map<string, string>();
  const tasks = new Map<string, Task>();
  const pool = new FunctionPool(scene, (task) => runTask(task));

  const runTask = async (task: Task): Promise<void> => {
    const interruptedAfterMs = task.lane === "fargate-spot" ? weather.drawInterruption() : Number.POSITIVE_INFINITY;
    const end = await work(scene, task, interruptedAfterMs);
    tasks.delete(task.taskId);
    // A call of a function that ended in good order is told to nobody.
    if (task.lane !== "lambda" || end.exitCode !== 0) tellOfTaskEnd(scene, end);
  };

  const startOnFargate = async (task: Task, lane: "fargate" | "fargate-spot"): Promise<void> => {
    const { medianMs, sigma, longestMs } = taskStart;
    used[lane] += vcpusOf[task.size];
    try {
      const dry = lane === "fargate-spot" && weather.isDry(time.clock.now());
      if (happens(scene, "tasks not started", dry ? 0.5 : faults.noStart)) {
        await time.sleep(random.between(failedStartMs.from, failedStartMs.to));
        const detail = "TaskFailedToStart: Capacity is unavailable at this time.";
        tellOfTaskEnd(scene, { ...task, exitCode: null, loss: "no-capacity", detail });
        return;
      }
      await time.sleep(Math.min(longestMs, random.logNormal(medianMs, sigma)));
      if (task.stopped) tellOfTaskEnd(scene, { ...task, exitCode: null, loss: "interrupted", detail: "UserInitiated" });
      else await runTask(task);
    } finally {
      used[lane] -= vcpusOf[task.size];
      tasks.delete(task.taskId);
    }
  };

  /** @throws MixdownError `capacity_*`, `platform_launch_failed`: what the launcher makes of RunTask's answers */
  const checkFargate = (lane: "fargate" | "fargate-spot", size: Size): void => {
    const now = time.clock.now();
    if (!calls.take(now) || !starts[lane].take(now)) {
      count(tally, "launches throttled");
      throw new MixdownError("capacity_throttled", { message: `RunTask on ${lane}: ThrottlingException.` });
    }
    if (used[lane] + vcpusOf[size] > capacity[lane]) {
      count(tally, `launches beyond the vCPUs of ${lane}`);
      throw new MixdownError("capacity_unavailable", { message: `RunTask on ${lane}: no vCPU of the quota is left.` });
    }
    if (lane === "fargate-spot" && weather.isDry(now) && random.chance(0.5)) {
      count(tally, "launches without Spot capacity");
      throw new MixdownError("capacity_unavailable", { message: "RunTask failures: Capacity is unavailable." });
    }
  };

  const start = (request: LaunchRequest): string => {
    if (happens(scene, "launches misconfigured", faults.misconfigured)) {
      throw new MixdownError("platform_launch_failed", { message: "RunTask failures: MISSING task definition." });
    }
    const { ref, attempt, size, clientToken } = request;
    const lane = checkLane(request.lane);
    if (lane !== "lambda") checkFargate(lane, size);
    const task: Task = {
      ref,
      attempt,
      lane,
      size,
      taskId: `task-${byToken.size}`,
      stopped: false,
      terminate: () => {},
    };
    byToken.set(clientToken, task.taskId);
    tasks.set(task.taskId, task);
    count(tally, `tasks on ${lane}`);
    if (lane === "lambda") pool.call(task);
    else scene.crew.start(() => startOnFargate(task, lane));
    return task.taskId;
  };

  return {
    launch: async (request) => ({ taskId: byToken.get(request.clientToken) ?? start(request) }),
    stop: async (taskId) => {
      const task = tasks.get(taskId);
      if (task === undefined) return;
      task.stopped = true;
      task.terminate();
    },
    isAlive: async (taskId) => tasks.has(taskId),
  };
}

function checkLane(lane: Lane): "lambda" | "fargate" | "fargate-spot" {
  if (lane === "lambda" || lane === "fargate" || lane === "fargate-spot") return lane;
  throw new MixdownError("platform_launch_failed", { message: `There is no lane ${lane} here.` });
}
