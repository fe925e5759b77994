import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildCallEnv, readLambdaRuntime } from "../config/lambda-runtime.ts";

// The worker as a function: a runtime of our own (https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html) that
// runs the worker's process once for each call, so that what happens to a task happens here in the same way.

/** Nobody sends SIGTERM at Lambda's limit: the worker is told to stop this long before, and hands its job back. */
const reserveMs = 20_000;
/** What is left then is killed: frozen with the function, it would go on in the next call. */
const lastMs = 2_000;

const { api, scratchDir } = readLambdaRuntime();
const workerPath = fileURLToPath(new URL("../worker/main.ts", import.meta.url));

for (;;) {
  const call = await fetch(`${api}/invocation/next`);
  const id = call.headers.get("lambda-runtime-aws-request-id") ?? "";
  const deadlineMs = Number(call.headers.get("lambda-runtime-deadline-ms"));
  try {
    await work(await call.json(), deadlineMs);
    await answer(`${id}/response`, {});
  } catch (error) {
    const errorMessage = error instanceof Error ? error.message : String(error);
    await answer(`${id}/error`, { errorType: "Mixdown.WorkerFailed", errorMessage });
  }
  await clear();
}

/** One attempt, in a process of its own. @throws Error in words that the settling function reads */
async function work(call: unknown, deadlineMs: number): Promise<void> {
  const worker = spawn(process.execPath, [workerPath], {
    env: buildCallEnv(call),
    stdio: ["ignore", "inherit", "inherit"],
    detached: true,
  });
  const leftMs = deadlineMs - Date.now();
  const stop = setTimeout(() => worker.kill("SIGTERM"), Math.max(0, leftMs - reserveMs));
  const end = setTimeout(() => killGroup(worker), Math.max(0, leftMs - lastMs));
  try {
    const [exitCode, signal] = (await once(worker, "exit")) as [number | null, NodeJS.Signals | null];
    // As Lambda itself says it of a runtime that has no memory left.
    if (signal === "SIGKILL" && Date.now() < deadlineMs - lastMs) throw new Error("signal: killed");
    // And this of one that it ended at its limit.
    if (signal === "SIGKILL") throw new Error("Task timed out after its worker did not hand the job back");
    if (exitCode !== 0) throw new Error(signal === null ? `exit code ${exitCode}` : `ended by ${signal}`);
  } finally {
    clearTimeout(stop);
    clearTimeout(end);
    killGroup(worker);
  }
}

function killGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // Nothing of it is left.
  }
}

async function answer(path: string, body: unknown): Promise<void> {
  const answered = await fetch(`${api}/invocation/${path}`, { method: "POST", body: JSON.stringify(body) });
  await answered.text();
}

/** A worker that was killed could not do it, and the next call gets the same disk. */
async function clear(): Promise<void> {
  for (const name of await readdir(scratchDir).catch(() => [])) {
    if (name.startsWith("task-")) await rm(join(scratchDir, name), { recursive: true, force: true });
  }
}
