import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Job } from "../../core/job.ts";
import { durationOf, ffmpeg, run, start, useFolder, waitUntil } from "./cli-fixtures.ts";
import { findMarked } from "./process-tree.ts";

const folder = useFolder();
let mark = "";
let running: ReturnType<typeof start>[] = [];
beforeEach(() => {
  mark = `mark-${randomUUID()}`;
  running = [];
  folder.put("talk.wav");
});
// Registered after the folder's own hooks, so it runs before the folder is removed.
afterEach(async () => {
  for (const { child } of running) child.kill("SIGTERM");
  await Promise.all(running.map(({ ended }) => ended));
  expect(findMarked(mark)).toEqual([]);
});

const env = () => ({ MIXDOWN_TEST_MARK: mark });
const cli = (...args: readonly string[]) => run(args, { cwd: folder.dir, env: env() });
const readJob = async (jobId: string): Promise<Job> => JSON.parse((await cli("jobs", jobId, "--json")).stdout);

async function startPlatform(): Promise<ReturnType<typeof start>> {
  const platform = start(["dev", "--port", "0"], { cwd: folder.dir, env: env() });
  running.push(platform);
  await waitUntil("the platform is ready", () => platform.stdout().includes("mixdown is running"));
  return platform;
}

test("fails when a job that was submitted before the platform ran is not told about, or not done by it", async () => {
  const submitted = await cli("submit", "stitch", "talk.wav", "talk.wav", "--gap-ms", "500", "--metadata", "show=42");
  expect(submitted.code).toBe(0);
  expect(submitted.stderr).toContain("the job starts with `npm start`");
  const jobId = submitted.stdout.trim();
  expect(await readJob(jobId)).toMatchObject({ status: "queued", params: { gapMs: 500 }, metadata: { show: "42" } });
  await startPlatform();
  const watched = await cli("watch", jobId);
  expect(watched.code).toBe(0);
  expect(watched.stdout).toContain("succeeded");
  expect((await cli("download", jobId, "-o", "all.wav")).code).toBe(0);
  expect(durationOf(folder.at("all.wav"))).toBeCloseTo(6.5, 2);
});

test("fails when --wait does not end with the job's exit code, document and table", async () => {
  await startPlatform();
  const { code, stdout } = await cli("submit", "stitch", "talk.wav", "--wait");
  expect(code).toBe(0);
  expect(stdout).toMatch(/succeeded\n {2}\S+\.wav \([^)]*3\.000 s\)\n {2}peaks\.json/);
  writeFileSync(folder.at("text.mp3"), "no media");
  const failed = await cli("submit", "stitch", "text.mp3", "--wait", "--json");
  expect(failed.code).toBe(3);
  expect(JSON.parse(failed.stdout)).toMatchObject({ status: "failed", error: { code: "input_not_media" } });
  expect(failed.stderr).toMatch(/error: text\.mp3 is not an audio or video file/);
  expect((await cli("watch", JSON.parse(failed.stdout).jobId)).code).toBe(3);
});

test("fails when --wait waits for a platform that is not there", async () => {
  const { code, stderr } = await cli("submit", "stitch", "talk.wav", "--wait");
  expect(code).toBe(5);
  expect(stderr).toMatch(/accepted, but no platform runs/);
  expect((await cli("jobs")).stdout).toMatch(/queued/);
});

test("fails when watch --json is not one job a line, in order, to the end", async () => {
  await startPlatform();
  const jobId = (await cli("submit", "stitch", "talk.wav")).stdout.trim();
  const { code, stdout } = await cli("watch", jobId, "--json", "--quiet");
  expect(code).toBe(0);
  const jobs: Job[] = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(jobs.at(-1)).toMatchObject({ jobId, status: "succeeded" });
  const percents = jobs.map((job) => job.progress.percent);
  expect(percents).toEqual([...percents].sort((a, b) => a - b));
});

test("fails when a job cannot take another's output, or a key of the store", async () => {
  await startPlatform();
  const first = JSON.parse((await cli("submit", "stitch", "talk.wav", "--wait", "--json")).stdout) as Job;
  const key = (first.inputs[0] as { key: string }).key;
  expect(key).toMatch(/^raw\/local\/[0-9A-Z]{26}\/talk\.wav$/);
  const output = first.outputs[0]?.name;
  const { code, stdout } = await cli(
    "submit",
    "stitch",
    `job:${first.jobId}/${output}`,
    `key:${key}`,
    "--wait",
    "--json",
  );
  expect(code).toBe(0);
  expect(JSON.parse(stdout).outputs[0].durationSeconds).toBeCloseTo(6, 3);
});

test("fails when the same id and file make two jobs, or another file is taken for the same", async () => {
  const first = await cli("submit", "stitch", "talk.wav", "--id", "talk-7");
  const again = await cli("submit", "stitch", "talk.wav", "--id", "talk-7");
  expect([first.stdout, again.stdout, again.code]).toEqual(["talk-7\n", "talk-7\n", 0]);
  expect(again.stderr).toContain("was there already");
  ffmpeg("-i", folder.at("talk.wav"), "-t", "1", folder.at("other.wav"));
  writeFileSync(folder.at("talk.wav"), readFileSync(folder.at("other.wav")));
  expect(await cli("submit", "stitch", "talk.wav", "--id", "talk-7")).toMatchObject({ code: 2, stdout: "" });
  expect(JSON.parse((await cli("jobs", "--json")).stdout).jobs).toHaveLength(1);
});

test("fails when a refused submission leaves its upload behind", async () => {
  expect((await cli("submit", "stitch", "talk.wav", "key:raw/local/gone/x.wav")).code).toBe(3);
  const jobs = await cli("jobs", "--json");
  expect(JSON.parse(jobs.stdout)).toEqual({ jobs: [], next: null });
  expect(
    readdirSync(folder.at(".mixdown/objects"), { recursive: true })
      .map(String)
      .filter((name) => name.includes("talk")),
  ).toEqual([]);
});

test("fails when a bad request reaches the store", async () => {
  for (const [args, exitCode] of [
    [["stitch", "gone.wav"], 3],
    [["stitch", "https://a.example/x.wav"], 2],
    [["stitch", "talk.wav", "--gap-ms", "-1"], 2],
    [["stitch", "talk.wav", "--id", "a/b"], 2],
    [["stitch", "talk.wav", "--metadata", "novalue"], 2],
    [["clean", "talk.wav", "talk.wav"], 2],
    [["stitch", "job:halfway"], 2],
  ] as const) {
    const { code, stderr } = await cli("submit", ...args);
    expect(code, args.join(" ")).toBe(exitCode);
    expect(stderr.trim().split("\n"), args.join(" ")).toHaveLength(1);
  }
  expect(folder.list()).toEqual(["talk.wav"]);
});

test("fails when a queued job cannot be canceled and retried", async () => {
  const jobId = (await cli("submit", "stitch", "talk.wav")).stdout.trim();
  expect(await cli("cancel", jobId)).toMatchObject({ code: 0, stdout: expect.stringContaining("canceled") });
  expect((await cli("watch", jobId)).code).toBe(1);
  expect(await cli("retry", jobId)).toMatchObject({ code: 0, stdout: expect.stringContaining("queued") });
  expect((await cli("retry", jobId)).code).toBe(2);
  await startPlatform();
  expect((await cli("watch", jobId)).code).toBe(0);
});

test("fails when a download replaces a file that nobody named, or leaves half of one", async () => {
  await startPlatform();
  const job = JSON.parse((await cli("submit", "stitch", "talk.wav", "--wait", "--json")).stdout) as Job;
  const name = job.outputs[0]?.name ?? "";
  expect((await cli("download", job.jobId)).code).toBe(0);
  expect(folder.list()).toContain(name);
  expect(await cli("download", job.jobId)).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("is here already"),
  });
  expect((await cli("download", job.jobId, name, "-o", "sub/")).code).toBe(0);
  const bytes = (await cli("download", job.jobId, "peaks.dat", "-o", "-")).stdoutBytes;
  expect(bytes.readInt32LE(0)).toBe(2);
  expect((await cli("download", job.jobId, "nothing.wav")).code).toBe(2);
  expect(folder.list().filter((entry) => entry.startsWith(".mixdown-"))).toEqual([]);
});

test("fails when what is not there is more than one sentence", async () => {
  expect(await cli("jobs")).toMatchObject({
    code: 5,
    stderr: expect.stringMatching(/^error: There is no platform's folder .*\n$/),
  });
  await cli("submit", "stitch", "talk.wav");
  for (const args of [
    ["watch", "nobody"],
    ["jobs", "nobody"],
    ["download", "nobody"],
    ["cancel", "nobody"],
    ["retry", "nobody"],
    ["redrive", "nobody"],
    ["jobs", "a/b"],
  ]) {
    const { code, stderr } = await cli(...args);
    expect(code, args.join(" ")).toBe(2);
    expect(stderr.trim().split("\n"), args.join(" ")).toHaveLength(1);
  }
  expect(await cli("redrive")).toMatchObject({ code: 0, stderr: "No dead letters.\n" });
});

test("fails when a second platform on the folder is more than one sentence, or the first does not end tidily", async () => {
  const first = await startPlatform();
  expect(await cli("dev", "--port", "0")).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/^error: Another platform.*--data.*\n$/),
  });
  first.child.kill("SIGINT");
  expect((await first.ended).code).toBe(130);
});

test("fails when a port that is taken is more than one sentence", async () => {
  const taken = createServer().listen(0, "127.0.0.1");
  await once(taken, "listening");
  const { port } = taken.address() as AddressInfo;
  const { code, stdout, stderr } = await cli("dev", "--port", String(port));
  taken.close();
  expect([code, stdout]).toEqual([2, ""]);
  expect(stderr).toMatch(new RegExp(`^error: .*${port}.*--port.*\\n$`));
});

test("fails when the roles of a mix do not reach its job", async () => {
  expect((await cli("submit", "mix", "talk.wav")).stderr).toMatch(/^error: --music is missing/);
  const submitted = await cli("submit", "mix", "talk.wav", "talk.wav", "--music", "talk.wav", "--json");
  expect(submitted.code).toBe(0);
  const roles = (JSON.parse(submitted.stdout) as Job).inputs.map((input) => input.role);
  expect(roles).toEqual(["narration", "narration", "music"]);
});
