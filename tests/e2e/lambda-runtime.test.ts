import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { openLambdaRuntimeApi } from "../fixtures/lambda-runtime-api.ts";

const entry = fileURLToPath(new URL("../../worker/lambda.ts", import.meta.url));

test("fails when a worker that cannot work ends the runtime, is not reported, or leaves files to the next call", async () => {
  const scratch = mkdtempSync(join(tmpdir(), "mixdown-lambda-"));
  mkdirSync(join(scratch, "task-old-1-x"));
  mkdirSync(join(scratch, "cache"));
  const limitMs = 60_000;
  const api = await openLambdaRuntimeApi([
    { payload: { MIXDOWN_JOB_ID: "no/id", MIXDOWN_ATTEMPT: "1" }, limitMs },
    { payload: { nothing: "of ours" }, limitMs },
    // Less is left than the worker is stopped before: it is told to stop at once.
    { payload: { MIXDOWN_JOB_ID: "j", MIXDOWN_ATTEMPT: "1" }, limitMs: 10_000 },
  ]);
  const env = { ...process.env, AWS_LAMBDA_RUNTIME_API: api.address, MIXDOWN_SCRATCH: scratch, MIXDOWN_TABLE: "" };
  const runtime = spawn(process.execPath, [entry], { env, stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  runtime.stderr.on("data", (chunk) => (said += chunk));
  try {
    await expect.poll(() => api.answers.length, { timeout: 60_000 }).toBe(3);
    expect(api.answers.map(({ call, type }) => [call, type])).toEqual([
      [0, "error"],
      [1, "error"],
      [2, "error"],
    ]);
    expect(api.answers[0]?.body).toContain("exit code 1");
    expect(said).toContain("MIXDOWN_JOB_ID");
    await expect.poll(() => readdirSync(scratch)).toEqual(["cache"]);
    expect(runtime.exitCode).toBe(null);
  } finally {
    runtime.kill("SIGKILL");
    api.close();
    rmSync(scratch, { recursive: true, force: true });
  }
});

test("fails when a worker that hangs until its limit goes on, or is reported as one that crashed", async () => {
  const scratch = mkdtempSync(join(tmpdir(), "mixdown-lambda-"));
  const payload = { MIXDOWN_JOB_ID: "j", MIXDOWN_ATTEMPT: "1" };
  const api = await openLambdaRuntimeApi([{ payload, limitMs: 23_000 }]);
  const env = { ...process.env, AWS_LAMBDA_RUNTIME_API: api.address, MIXDOWN_SCRATCH: scratch, MIXDOWN_TABLE: "" };
  const runtime = spawn(process.execPath, [entry], { env, stdio: "ignore" });
  const findWorker = () => {
    const { stdout } = spawnSync("ps", ["-o", "pid=", "--ppid", String(runtime.pid)], { encoding: "utf8" });
    return Number(stdout.trim());
  };
  try {
    await expect.poll(findWorker, { timeout: 10_000, interval: 5 }).toBeGreaterThan(0);
    const worker = findWorker();
    process.kill(worker, "SIGSTOP");
    await expect.poll(() => api.answers.length, { timeout: 40_000 }).toBe(1);
    expect(api.answers[0]).toMatchObject({ type: "error", body: expect.stringContaining("Task timed out after") });
    expect(() => process.kill(worker, 0)).toThrow("ESRCH");
  } finally {
    runtime.kill("SIGKILL");
    api.close();
    rmSync(scratch, { recursive: true, force: true });
  }
});
