import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import {
  createProcessLauncher,
  type ProcessLauncher,
  type ProcessLauncherOptions,
  type TaskExit,
} from "../../adapters/embedded/task-launcher.ts";
import { limits } from "../../core/limits.ts";
import type { LaunchRequest } from "../../core/ports.ts";

const worker = fileURLToPath(new URL("../fixtures/launched-worker.ts", import.meta.url));
const parentOfWorker = fileURLToPath(new URL("../fixtures/launching-parent.ts", import.meta.url));

/** Not there, or dead and not yet collected by whoever inherited it. */
function isGone(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return process.platform === "linux" && / Z /.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return true;
  }
}

describe("workers as processes", () => {
  let folder: string;
  let log: string;
  let exits: TaskExit[];
  const launchers: ProcessLauncher[] = [];
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "mixdown-launch-"));
    log = join(folder, "log");
    exits = [];
  });
  afterEach(async () => {
    await Promise.all(launchers.splice(0).map((launcher) => launcher.close()));
    for (const pid of pids()) if (!isGone(pid)) process.kill(pid, "SIGKILL");
    rmSync(folder, { recursive: true });
  });

  const workerCommand = (behaviour: string) => [process.execPath, worker, behaviour, log] as const;
  const create = (behaviour: string, overrides: Partial<ProcessLauncherOptions> = {}): ProcessLauncher => {
    const launcher = createProcessLauncher({
      command: workerCommand(behaviour),
      env: process.env,
      defaultOwner: "local",
      slots: 2,
      graceMs: 300,
      serve: () => {},
      onExit: (exit) => {
        exits.push(exit);
      },
      ...overrides,
    });
    launchers.push(launcher);
    return launcher;
  };
  let tokens = 0;
  const request = (overrides: Partial<LaunchRequest> = {}): LaunchRequest => ({
    ref: { owner: "local", jobId: "job-1" },
    attempt: 2,
    lane: "embedded",
    size: "S",
    clientToken: `token-${++tokens}`,
    ...overrides,
  });
  const notes = (): string[] => (existsSync(log) ? readFileSync(log, "utf8").split("\n").filter(Boolean) : []);
  const pids = (): number[] => notes().flatMap((line) => (line.startsWith("pid ") ? [Number(line.split(" ")[1])] : []));
  const until = (what: () => void): Promise<void> => vi.waitFor(what, { timeout: 10_000, interval: 10 });
  const ready = (count = 1): Promise<void> =>
    until(() => expect(notes().filter((line) => line === "ready")).toHaveLength(count));

  test("fails when a worker is not told its task, or its end is not told with code and last words", async () => {
    const launcher = create("exit");
    const { taskId } = await launcher.launch(request());
    expect(await launcher.isAlive(taskId)).toBe(true);
    await until(() => expect(exits).toHaveLength(1));
    expect(notes()[0]).toMatch(/^pid \d+ job-1 2$/);
    const [exit] = exits;
    expect(exit).toMatchObject({
      taskId,
      ref: { owner: "local", jobId: "job-1" },
      attempt: 2,
      exitCode: 3,
      signal: null,
    });
    expect(exit?.stderrTail).toMatch(/chatter the end$/);
    expect(exit?.stderrTail.length).toBeLessThanOrEqual(limits.stderrTailBytes);
    expect(await launcher.isAlive(taskId)).toBe(false);
    await launcher.stop(taskId);
    await launcher.stop("never was");
    expect(await launcher.isAlive("never was")).toBe(false);
  });

  test("fails when another owner's job is not named as such", async () => {
    const launcher = create("exit");
    await launcher.launch(request({ ref: { owner: "tenant", jobId: "job-1" } }));
    await until(() => expect(exits).toHaveLength(1));
    expect(notes()[0]).toMatch(/ tenant\.job-1 2$/);
  });

  test("fails when the same token starts two workers, at once, later, or after the end", async () => {
    const launcher = create("obey");
    const same = request();
    const [first, second] = await Promise.all([launcher.launch(same), launcher.launch(same)]);
    await ready();
    expect(second).toEqual(first);
    expect(await launcher.launch(same)).toEqual(first);
    await launcher.stop(first.taskId);
    expect(await launcher.launch(same)).toEqual(first);
    expect(launcher.freeSlots()).toBe(2);
    expect(exits).toHaveLength(1);
    expect(pids()).toHaveLength(1);
  });

  test("fails when more workers run than there are slots, or a slot is not given back", async () => {
    const launcher = create("obey");
    expect(launcher.freeSlots()).toBe(2);
    const [first] = await Promise.all([launcher.launch(request()), launcher.launch(request())]);
    expect(launcher.freeSlots()).toBe(0);
    const third = request();
    await expect(launcher.launch(third)).rejects.toMatchObject({ code: "capacity_unavailable", retryable: true });
    await ready(2);
    await launcher.stop(first.taskId);
    expect(launcher.freeSlots()).toBe(1);
    await launcher.launch(third);
    await ready(3);
    expect(pids()).toHaveLength(3);
  });

  test("fails when a worker cannot end by itself, or one that obeys is killed", async () => {
    const launcher = create("obey", { graceMs: 10_000 });
    const { taskId } = await launcher.launch(request());
    await ready();
    await launcher.stop(taskId);
    expect(notes()).toContain("terminated");
    expect(exits).toMatchObject([{ taskId, exitCode: 0, signal: null }]);
  });

  test("fails when a stubborn worker or its children outlive the grace", async () => {
    const launcher = create("stubborn");
    const { taskId } = await launcher.launch(request());
    await ready();
    expect(pids()).toHaveLength(2);
    const begin = performance.now();
    await launcher.stop(taskId);
    expect(performance.now() - begin).toBeGreaterThan(290);
    expect(performance.now() - begin).toBeLessThan(5_000);
    expect(notes()).toContain("ignored");
    expect(exits).toMatchObject([{ taskId, signal: "SIGKILL" }]);
    await until(() => expect(pids().map(isGone)).toEqual([true, true]));
  });

  test("fails when what a worker started goes on after its end", async () => {
    const launcher = create("parent");
    await launcher.launch(request());
    await until(() => expect(exits).toMatchObject([{ exitCode: 0 }]));
    expect(pids()).toHaveLength(2);
    await until(() => expect(pids().map(isGone)).toEqual([true, true]));
    expect(launcher.freeSlots()).toBe(2);
  });

  test("fails when a worker that is killed by others leaves its children, or keeps its slot", async () => {
    const launcher = create("stubborn", { graceMs: 60_000 });
    await launcher.launch(request());
    await ready();
    process.kill(pids()[0] ?? 0, "SIGKILL");
    await until(() => expect(exits).toMatchObject([{ exitCode: null, signal: "SIGKILL" }]));
    await until(() => expect(pids().map(isGone)).toEqual([true, true]));
    expect(launcher.freeSlots()).toBe(2);
  });

  test("fails when closing leaves a worker, an unheard end, or a door for new ones", async () => {
    let heard = 0;
    const launcher = create("stubborn", {
      onExit: async () => {
        await new Promise((resolve) => setTimeout(resolve, 50));
        heard += 1;
      },
    });
    await launcher.launch(request());
    await launcher.launch(request());
    await ready(2);
    await launcher.close();
    expect(heard).toBe(2);
    expect(pids()).toHaveLength(4);
    await until(() => expect(pids().map(isGone)).toEqual([true, true, true, true]));
    expect(launcher.freeSlots()).toBe(0);
    await expect(launcher.launch(request())).rejects.toMatchObject({ code: "capacity_unavailable" });
    await launcher.close();
  });

  test("fails when a worker that was just started survives the closing", async () => {
    const launcher = create("stubborn");
    const launching = launcher.launch(request());
    await launcher.close();
    await launching.catch(() => {});
    expect(exits).toHaveLength(1);
    await until(() => expect(pids().every(isGone)).toBe(true));
  });

  test("fails when a worker that cannot be started is not told, or keeps its slot", async () => {
    const launcher = create("exit", { command: [join(folder, "no-such-node")] });
    const outcome = await launcher.launch(request()).catch((error: unknown) => error);
    // With setpriv in between it is the exit that tells.
    if (outcome instanceof Error) expect(outcome).toMatchObject({ code: "platform_launch_failed", retryable: false });
    else await until(() => expect(exits[0]?.stderrTail).toMatch(/no-such-node/));
    expect(launcher.freeSlots()).toBe(2);
  });

  test("fails when a configuration that can never work is taken for a lack of capacity", async () => {
    const launcher = create("exit", { env: { ...process.env, HUGE: "x".repeat(8 * 1024 ** 2) } });
    const same = request();
    await expect(launcher.launch(same)).rejects.toMatchObject({ code: "platform_launch_failed", retryable: false });
    await expect(launcher.launch(same)).rejects.toMatchObject({ code: "platform_launch_failed" });
    expect(launcher.freeSlots()).toBe(2);
    expect(exits).toEqual([]);
  });

  test("fails if a worker outlives a platform that was killed", async () => {
    const parent = spawn(process.execPath, [parentOfWorker, ...workerCommand("obey")], {
      stdio: "ignore",
    });
    await ready();
    const [pid] = pids();
    expect(isGone(pid ?? 0)).toBe(false);
    parent.kill("SIGKILL");
    await until(() => expect(isGone(pid ?? 0)).toBe(true));
    expect(notes()).not.toContain("terminated");
  });
});
