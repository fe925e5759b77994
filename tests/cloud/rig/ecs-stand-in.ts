import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import {
  DescribeTaskDefinitionCommand,
  DescribeTasksCommand,
  ECSClient,
  ListTasksCommand,
  StopTaskCommand,
  type Task,
} from "@aws-sdk/client-ecs";
import { EventBridgeClient, PutEventsCommand } from "@aws-sdk/client-eventbridge";

export interface EcsStandInOptions {
  readonly cluster: string;
  /** What the image's entry point is: the real worker. */
  readonly command: readonly [string, ...string[]];
  /** What the machine gives every container beside the task's own environment: PATH, credentials, the endpoint. */
  readonly env: NodeJS.ProcessEnv;
  /** Folders of this machine in place of the task's volumes, by their path in the container. */
  readonly volumes?: Readonly<Record<string, string>>;
  readonly onFault: (fault: unknown) => void;
}

/** How a task ends when it is not left to itself. */
export interface TaskFault {
  readonly signal: "SIGTERM" | "SIGKILL";
  readonly stopCode: string;
  readonly stoppedReason: string;
  /** Of the container. */
  readonly reason?: string;
  /** The event that tells of it is lost. */
  readonly silent?: boolean;
}

/** A crash, or somebody's `kill -9`. */
export const killed: TaskFault = {
  signal: "SIGKILL",
  stopCode: "EssentialContainerExited",
  stoppedReason: "Essential container in task exited",
};

export const spotInterruption: TaskFault = {
  signal: "SIGTERM",
  stopCode: "SpotInterruption",
  stoppedReason: "Your Spot Task was interrupted.",
};
export const outOfMemory: TaskFault = {
  signal: "SIGKILL",
  stopCode: "EssentialContainerExited",
  stoppedReason: "Essential container in task exited",
  reason: "OutOfMemoryError: Container killed due to memory usage",
};

export interface RunningTask {
  readonly taskArn: string;
  readonly task: Task;
  readonly env: NodeJS.ProcessEnv;
  readonly child: ChildProcess;
  readonly stderr: () => string;
  fault: TaskFault | null;
}

const pollMs = 200;
/** As `stopTimeout` of the task, for tests that wait. */
const stopTimeoutMs = 10_000;

const isAlive = ({ child }: RunningTask): boolean => child.exitCode === null && child.signalCode === null;

/**
 * The part of ECS that the emulator leaves out: it records tasks and runs none. Starts the real worker of each with
 * the task's own environment and overrides, stops it when it is told to, and tells of its end as ECS does.
 */
export class EcsStandIn {
  /** Every task that was ever started here, in order. */
  readonly started: RunningTask[] = [];
  /** Events are neither sent nor repeated while this says so: a lost event. */
  muted = false;
  /** Each event goes out so often. */
  copies = 1;
  /** Workers that may run at once; further tasks wait, as for a machine. */
  slots = 16;
  readonly #options: EcsStandInOptions;
  readonly #ecs = new ECSClient({});
  readonly #bus = new EventBridgeClient({});
  readonly #stop = new AbortController();
  readonly #ends: Promise<void>[] = [];
  readonly #looping: Promise<void>;

  constructor(options: EcsStandInOptions) {
    this.#options = options;
    this.#looping = this.#loop();
  }

  /** Ends whatever still runs, without a word. */
  async close(): Promise<void> {
    this.#stop.abort();
    this.muted = true;
    await this.#looping;
    for (const { child } of this.started) child.kill("SIGKILL");
    await Promise.all(this.#ends);
    this.#ecs.destroy();
    this.#bus.destroy();
  }

  /** Ends a task from outside. */
  strike(task: RunningTask, fault: TaskFault): void {
    task.fault = fault;
    task.child.kill(fault.signal);
  }

  /** A second worker for the same task, of which ECS knows nothing. */
  twin(original: RunningTask): RunningTask {
    return this.#spawn(original.task, original.env);
  }

  async #loop(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      await this.#look().catch((fault) => signal.aborted || this.#options.onFault(fault));
      await sleep(pollMs, undefined, { signal }).catch(() => {});
    }
  }

  async #look(): Promise<void> {
    const { cluster } = this.#options;
    const { taskArns = [] } = await this.#ecs.send(new ListTasksCommand({ cluster, desiredStatus: "RUNNING" }));
    const busy = this.started.filter(isAlive).length;
    const known = new Set(this.started.map((task) => task.taskArn));
    const fresh = taskArns.filter((arn) => !known.has(arn)).slice(0, Math.max(0, this.slots - busy));
    if (fresh.length > 0) {
      const { tasks = [] } = await this.#ecs.send(new DescribeTasksCommand({ cluster, tasks: fresh }));
      for (const task of tasks) await this.#start(task);
    }
    for (const task of this.started) {
      if (!isAlive(task) || task.fault !== null || taskArns.includes(task.taskArn)) continue;
      this.strike(task, { signal: "SIGTERM", stopCode: "UserInitiated", stoppedReason: "Task stopped by user" });
      setTimeout(() => task.child.kill("SIGKILL"), stopTimeoutMs).unref();
    }
  }

  async #start(task: Task): Promise<void> {
    const { taskDefinitionArn: taskDefinition, overrides } = task;
    const described = await this.#ecs.send(new DescribeTaskDefinitionCommand({ taskDefinition }));
    const container = described.taskDefinition?.containerDefinitions?.[0];
    const own = overrides?.containerOverrides?.find((override) => override.name === container?.name);
    const env = { ...this.#options.env };
    for (const { name = "", value } of [...(container?.environment ?? []), ...(own?.environment ?? [])])
      env[name] = this.#options.volumes?.[value ?? ""] ?? value;
    const running = this.#spawn(task, env);
    this.started.push(running);
    this.#ends.push(this.#settle(running).catch((fault) => this.#options.onFault(fault)));
  }

  #spawn(task: Task, env: NodeJS.ProcessEnv): RunningTask {
    const [command, ...args] = this.#options.command;
    const child = spawn(command, args, { env, stdio: ["ignore", "ignore", "pipe"] });
    let stderr = "";
    child.stderr.on("data", (chunk: Buffer) => {
      stderr = (stderr + chunk.toString()).slice(-16_384);
    });
    return { taskArn: task.taskArn ?? "", task, env, child, stderr: () => stderr, fault: null };
  }

  async #settle(running: RunningTask): Promise<void> {
    const [code, signal] = (await once(running.child, "exit")) as [number | null, NodeJS.Signals | null];
    const exitCode = code ?? (signal === "SIGKILL" ? 137 : 143);
    // The emulator keeps a task running until it is told; what it is told is not the reason that the event carries.
    const { cluster } = this.#options;
    await this.#ecs.send(new StopTaskCommand({ cluster, task: running.taskArn })).catch(() => {});
    if (running.fault?.silent === true) return;
    for (let copy = 0; copy < this.copies && !this.muted; copy++) await this.#tell(running, exitCode);
  }

  async #tell({ taskArn, task, fault }: RunningTask, exitCode: number): Promise<void> {
    const name = task.containers?.[0]?.name ?? "worker";
    const detail = {
      ...task,
      taskArn,
      lastStatus: "STOPPED",
      desiredStatus: "STOPPED",
      stopCode: fault?.stopCode ?? "EssentialContainerExited",
      stoppedReason: fault?.stoppedReason ?? "Essential container in task exited",
      containers: [
        { name, taskArn, lastStatus: "STOPPED", exitCode, ...(fault?.reason ? { reason: fault.reason } : {}) },
      ],
      version: 6,
    };
    const Detail = JSON.stringify(detail);
    const entry = { Source: "aws.ecs", DetailType: "ECS Task State Change", Detail, Resources: [taskArn] };
    await this.#bus.send(new PutEventsCommand({ Entries: [entry] }));
  }
}
