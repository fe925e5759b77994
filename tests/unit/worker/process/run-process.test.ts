import { getEventListeners } from "node:events";
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { mapProcessError, ProcessError } from "../../../../worker/process/process-error.ts";
import { runProcess, startProcess } from "../../../../worker/process/run-process.ts";

const node = process.execPath;
const script = (source: string): readonly string[] => ["-e", source];

async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => expect.fail("it should have been rejected"),
    (error: unknown) => error,
  );
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    // One that was orphaned stays in the table until init looks at it.
    return process.platform !== "linux" || !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
}

async function waitUntilGone(pid: number): Promise<void> {
  for (let tries = 0; tries < 100 && isAlive(pid); tries++) await sleep(20);
  expect(isAlive(pid)).toBe(false);
}

test("fails when stdout, stdin or arguments with spaces and quotes do not pass through unchanged", async () => {
  const odd = ["a b", `"quoted" 'twice'`, "$HOME;ls", "-x"];
  const echo =
    "process.stdin.on('data', (d) => process.stdout.write(d)).on('end', () => console.log(JSON.stringify(process.argv.slice(1))))";
  const { stdout } = await runProcess(node, ["-e", echo, "--", ...odd], { input: "given" });
  expect(stdout.toString()).toBe(`given${JSON.stringify(odd)}\n`);
});

test("fails when a failure does not carry argv, exit code and the last of stderr, or more than its bound", async () => {
  const args = script("for (let i = 0; i < 5000; i++) console.error('line', i); process.exitCode = 3");
  const error = await failureOf(runProcess(node, args));
  expect(error).toBeInstanceOf(ProcessError);
  const failure = error as ProcessError;
  expect(failure.argv).toEqual([node, ...args]);
  expect(failure.exitCode).toBe(3);
  expect(failure.stderrTail.endsWith("line 4999\n")).toBe(true);
  expect(failure.stderrTail.startsWith("line ")).toBe(true);
  expect(Buffer.byteLength(failure.stderrTail)).toBeLessThanOrEqual(4096);
});

test("fails when a child that ignores SIGTERM, or its own child, outlives an abort", async () => {
  const controller = new AbortController();
  const stubborn = "process.on('SIGTERM', () => {}); setInterval(() => {}, 1000);";
  const child = startProcess(
    node,
    script(
      `${stubborn} const c = require('node:child_process').spawn(process.execPath, ['-e', ${JSON.stringify(stubborn)}], { stdio: 'inherit' }); console.log(c.pid);`,
    ),
    { signal: controller.signal, graceMs: 100 },
  );
  const grandchild = await new Promise<number>((resolve) => child.stdout.once("data", (data) => resolve(Number(data))));
  const reason = new Error("stop");
  const startedAt = performance.now();
  controller.abort(reason);
  expect(await failureOf(child.done)).toBe(reason);
  expect(performance.now() - startedAt).toBeGreaterThan(90);
  await waitUntilGone(child.pid ?? 0);
  await waitUntilGone(grandchild);
});

test("fails when a child that ends on SIGTERM has to wait for the grace", async () => {
  const controller = new AbortController();
  const child = startProcess(node, script("setInterval(() => {}, 1000); console.log('up')"), {
    signal: controller.signal,
    graceMs: 10_000,
  });
  await new Promise((resolve) => child.stdout.once("data", resolve));
  const startedAt = performance.now();
  controller.abort();
  await failureOf(child.done);
  expect(performance.now() - startedAt).toBeLessThan(5_000);
});

test("fails when an abort that came before the start still starts something", () => {
  expect(() => startProcess(node, script(""), { signal: AbortSignal.abort(new Error("early")) })).toThrow("early");
});

test("fails when the wall-time limit does not end it, or is not told as limit_timeout", async () => {
  const error = await failureOf(
    runProcess(node, script("setInterval(() => {}, 1000)"), { timeoutMs: 100, graceMs: 100 }),
  );
  expect((error as ProcessError).timedOut).toBe(true);
  expect(mapProcessError(error as ProcessError)?.code).toBe("limit_timeout");
});

test("fails when a missing binary is anything but platform_ffmpeg_missing", async () => {
  const error = await failureOf(runProcess("/nowhere/ffmpeg", []));
  expect(error).toBeInstanceOf(ProcessError);
  expect(mapProcessError(error as ProcessError)?.code).toBe("platform_ffmpeg_missing");
});

test("fails when twenty children leave listeners on the signal they share", async () => {
  const { signal } = new AbortController();
  await Promise.all(Array.from({ length: 20 }, () => runProcess("/bin/true", [], { signal })));
  expect(getEventListeners(signal, "abort")).toHaveLength(0);
});

test("fails when a child's output handed to the next does not arrive, or its end does not", async () => {
  const first = startProcess(node, script("process.stdout.write('x'.repeat(3000000))"));
  const second = startProcess(
    node,
    script("let n = 0; process.stdin.on('data', (d) => n += d.length).on('end', () => console.log(n))"),
    {
      stdin: first.stdout,
    },
  );
  const chunks: Buffer[] = [];
  second.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
  await Promise.all([first.done, second.done]);
  expect(Buffer.concat(chunks).toString()).toBe("3000000\n");
});

test.runIf(process.platform === "linux")(
  "fails when a child may use more CPU or write a larger file than allowed",
  async () => {
    const busy = await failureOf(runProcess(node, script("for (;;) {}"), { bounds: { cpuSeconds: 1 } }));
    expect(mapProcessError(busy as ProcessError)?.code).toBe("limit_resources");
    const target = `/tmp/mixdown-fsize-${process.pid}`;
    const { rm, stat } = await import("node:fs/promises");
    try {
      const args = ["if=/dev/zero", `of=${target}`, "bs=64k", "count=100"];
      const large = await failureOf(runProcess("/bin/dd", args, { bounds: { fileBytes: 1_000_000 } }));
      expect(mapProcessError(large as ProcessError)?.code).toBe("limit_resources");
      expect((await stat(target)).size).toBeLessThanOrEqual(1_000_000);
    } finally {
      await rm(target, { force: true });
    }
  },
);

test.runIf(process.platform === "linux")("fails when a child lives on after kill -9 of its parent", async () => {
  const module = new URL("../../../../worker/process/run-process.ts", import.meta.url).href;
  const parent = startProcess(node, [
    "--input-type=module",
    "-e",
    `import { startProcess } from ${JSON.stringify(module)};
       const child = startProcess('/bin/sleep', ['60']); child.stdout.resume(); console.log(child.pid);`,
  ]);
  const orphan = await new Promise<number>((resolve) => parent.stdout.once("data", (data) => resolve(Number(data))));
  expect(isAlive(orphan)).toBe(true);
  process.kill(parent.pid ?? 0, "SIGKILL");
  await failureOf(parent.done);
  await waitUntilGone(orphan);
});
