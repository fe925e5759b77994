import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { findFreePort } from "../fixtures/free-port.ts";
import { durationOf, ffmpeg, run, start, useFolder, waitUntil } from "./cli-fixtures.ts";
import { EmbeddedFixture } from "./embedded-fixture.ts";

const folder = useFolder();
let fixture: EmbeddedFixture;
let url: string;
let key: string;

// Beyond loopback a key is demanded; it is still reached by loopback here.
beforeAll(async () => {
  fixture = await EmbeddedFixture.open();
  const port = await findFreePort();
  url = `http://127.0.0.1:${port}`;
  process.env.MIXDOWN_HOST = "0.0.0.0";
  process.env.MIXDOWN_PUBLIC_URL = url;
  await fixture.start(port);
  key = (await run(["keys", "create", "--data", fixture.dataDir])).stdout.trim();
}, 60_000);
afterAll(async () => {
  delete process.env.MIXDOWN_HOST;
  delete process.env.MIXDOWN_PUBLIC_URL;
  await fixture.close();
});

const here = (...args: string[]) => run(args, { cwd: folder.dir, env: { MIXDOWN_KEY: key } });
const jobsHere = (...args: string[]) => run(args, { cwd: folder.dir, env: { MIXDOWN_KEY: key, MIXDOWN_URL: url } });

test("fails when clean, stitch or mix do not bring their result from a platform elsewhere", async () => {
  folder.put("talk.wav");
  folder.put("talk.mp3");
  const cleaned = await here("clean", "talk.wav", "-o", "out.wav", "--loudness", "-20", "--remote", url, "--json");
  expect(cleaned).toMatchObject({ code: 0 });
  expect(JSON.parse(cleaned.stdout)).toMatchObject({ status: "succeeded", outputs: [{ path: "out.wav" }] });
  expect(JSON.parse(cleaned.stdout).report.after.integratedLufs).toBeCloseTo(-20, 0);
  const stitched = await here("stitch", "talk.wav", "talk.mp3", "-o", "both.mp3", "--gap-ms", "1000", "--remote", url);
  expect(stitched).toMatchObject({ code: 0 });
  expect(durationOf(folder.at("both.mp3"))).toBeCloseTo(7, 0);
  const mixed = await here("mix", "talk.wav", "--music", "talk.mp3", "--remote", url);
  expect(mixed).toMatchObject({ code: 0, stderr: expect.stringContaining("talk.mix.wav") });
  expect(folder.list()).toEqual(["both.mp3", "out.wav", "talk.mix.wav", "talk.mp3", "talk.wav"]);
});

test("fails when a job is not submitted, listed, watched, downloaded or retried by MIXDOWN_URL", async () => {
  folder.put("talk.mp3");
  const submitted = await jobsHere("submit", "clean", "talk.mp3", "--loudness", "-19", "--id", "remote-1");
  expect(submitted).toMatchObject({ code: 0, stdout: "remote-1\n" });
  const watched = await jobsHere("watch", "remote-1", "--json");
  const states = watched.stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line).status);
  expect({ code: watched.code, last: states.at(-1) }).toEqual({ code: 0, last: "succeeded" });
  expect((await jobsHere("jobs", "--status", "succeeded")).stdout).toContain("remote-1");
  expect((await jobsHere("jobs", "remote-1", "--json")).stdout).toContain('"jobId": "remote-1"');
  expect(await jobsHere("download", "remote-1", "-o", "down.mp3")).toMatchObject({ code: 0 });
  expect(durationOf(folder.at("down.mp3"))).toBeCloseTo(3, 0);
  expect(await jobsHere("retry", "remote-1")).toMatchObject({ code: 2 });
  expect(await jobsHere("cancel", "no-such-job")).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("no-such-job"),
  });
});

test("fails when pages of jobs elsewhere overlap, or end early", async () => {
  for (const id of ["page-1", "page-2", "page-3"]) {
    folder.put("talk.mp3");
    expect(await jobsHere("submit", "clean", "talk.mp3", "--id", id)).toMatchObject({ code: 0 });
  }
  const whole = JSON.parse((await jobsHere("jobs", "--json", "--limit", "200")).stdout);
  const listed: string[] = [];
  for (let cursor: string | null = ""; cursor !== null; ) {
    const page = await jobsHere("jobs", "--json", "--limit", "2", ...(cursor === "" ? [] : ["--cursor", cursor]));
    expect(page.code).toBe(0);
    const { jobs, next } = JSON.parse(page.stdout);
    expect(jobs.length).toBeLessThanOrEqual(2);
    listed.push(...jobs.map((job: { jobId: string }) => job.jobId));
    cursor = next;
  }
  expect(listed).toEqual(whole.jobs.map((job: { jobId: string }) => job.jobId));
  expect(listed.slice(0, 3)).toEqual(["page-3", "page-2", "page-1"]);
  expect((await jobsHere("jobs", "--limit", "2")).stderr).toContain("--cursor ");
  expect(await jobsHere("jobs", "--cursor", "made-up")).toMatchObject({ code: 2 });
});

test("fails when cancel or retry of a job elsewhere do nothing, or are allowed where they mean nothing", async () => {
  ffmpeg("-f", "lavfi", "-i", "anoisesrc=d=240:a=0.1", folder.at("long.wav"));
  expect(await jobsHere("submit", "clean", "long.wav", "--id", "stopped")).toMatchObject({ code: 0 });
  expect(await jobsHere("cancel", "stopped")).toMatchObject({ code: 0 });
  expect((await fixture.ended("stopped")).status).toBe("canceled");
  expect(await jobsHere("cancel", "stopped", "--json")).toMatchObject({ code: 0 });
  expect(await jobsHere("retry", "stopped")).toMatchObject({ code: 0 });
  expect((await fixture.get("stopped"))?.status).not.toBe("canceled");
  expect(await jobsHere("cancel", "stopped")).toMatchObject({ code: 0 });
  expect((await fixture.ended("stopped")).attempt).toBe(2);
  rmSync(folder.at("long.wav"));
});

test("fails when a job's failure is not the command's, or leaves a file", async () => {
  writeFileSync(folder.at("text.mp3"), "no sound at all ".repeat(50));
  const { code, stderr } = await here("clean", "text.mp3", "-o", "out.mp3", "--remote", url);
  expect({
    code,
    lines: stderr
      .trim()
      .split("\n")
      .filter((line) => line.startsWith("error:")).length,
  }).toEqual({ code: 3, lines: 1 });
  expect(folder.list()).toEqual(["text.mp3"]);
});

test("fails when an absent platform is not 5, a bad key not 4, or either is more than a sentence", async () => {
  folder.put("talk.mp3");
  const nobody = `http://127.0.0.1:${await findFreePort()}`;
  for (const args of [["clean", "talk.mp3"], ["jobs"]]) {
    const absent = await here(...args, "--remote", nobody);
    expect(absent).toMatchObject({ code: 5, stdout: "", stderr: expect.stringContaining(nobody) });
    for (const bad of ["", `${key.slice(0, -5)}AAAAA`]) {
      const refused = await run([...args, "--remote", url], { cwd: folder.dir, env: { MIXDOWN_KEY: bad } });
      expect(refused.code).toBe(4);
      expect(refused.stderr.split("\n").filter((line) => line.startsWith("error:"))).toHaveLength(1);
      if (bad !== "") expect(refused.stdout + refused.stderr).not.toContain(bad.slice(30));
    }
  }
  expect(folder.list()).toEqual(["talk.mp3"]);
});

test("fails when a profile does not name the platform, or one that others can read is used", async () => {
  const config = folder.at("config");
  mkdirSync(join(config, "mixdown"), { recursive: true });
  const path = join(config, "mixdown", "config.json");
  writeFileSync(path, JSON.stringify({ profiles: { work: { url, key } } }), { mode: 0o600 });
  const jobs = (profile: string) =>
    run(["jobs", "--profile", profile], { cwd: folder.dir, env: { XDG_CONFIG_HOME: config } });
  expect(await jobs("work")).toMatchObject({ code: 0 });
  expect(await jobs("home")).toMatchObject({ code: 2, stderr: expect.stringContaining("work") });
  chmodSync(path, 0o644);
  const open = await jobs("work");
  expect(open).toMatchObject({ code: 3, stderr: expect.stringContaining("chmod 600") });
  expect(open.stderr).not.toContain(key);
  chmodSync(path, 0o600);
  writeFileSync(path, readFileSync(path, "utf8").slice(0, -2));
  expect((await jobs("work")).stderr).not.toContain(key.slice(0, 20));
});

test("fails when contradicting flags, or an address with a password in it, get through", async () => {
  for (const args of [
    ["jobs", "--remote", url, "--profile", "work"],
    ["jobs", "--remote", url, "--data", fixture.dataDir],
    ["clean", "talk.mp3", "--remote", "talk.mp3"],
    ["clean", "talk.mp3", "--remote", "http://me:secret-word@localhost:1/"],
  ]) {
    const ended = await here(...args);
    expect({ args, code: ended.code }).toEqual({ args, code: 2 });
    expect(ended.stderr).not.toContain("secret-word");
  }
});

test("fails when Ctrl-C leaves the job running there, or a file here", async () => {
  ffmpeg("-f", "lavfi", "-i", "anoisesrc=d=240:a=0.1", folder.at("long.wav"));
  const begun = new Date().toISOString();
  const running = start(["clean", "long.wav", "-o", "out.wav", "--remote", url], {
    cwd: folder.dir,
    env: { MIXDOWN_KEY: key },
  });
  const newest = async () => (await fixture.platform.jobs.list("local", { limit: 1 })).jobs[0];
  let job = await newest();
  await waitUntil("the job runs", () => {
    void newest().then((found) => {
      job = found;
    });
    return job?.status === "running" && job.createdAt > begun;
  });
  running.child.kill("SIGINT");
  expect((await running.ended).code).toBe(130);
  expect((await fixture.ended(job?.jobId ?? "")).status).toBe("canceled");
  expect(existsSync(folder.at("out.wav"))).toBe(false);
  rmSync(folder.at("long.wav"));
  expect(folder.list()).toEqual([]);
});
