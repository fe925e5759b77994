import { chmod, mkdir, mkdtemp, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { findToolchain } from "../../../../../worker/media/toolchain/toolchain.ts";

let dir = "";
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "mixdown-tools-"));
});
// A stand-in that nobody waited for may still be writing.
afterAll(() => rm(dir, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 }));

/** A stand-in that says its version and counts how often it is started. */
async function makeTool(folder: string, tool: "ffmpeg" | "ffprobe", version: string): Promise<string> {
  const path = join(dir, folder, tool);
  await mkdir(join(dir, folder), { recursive: true });
  await writeFile(
    path,
    `#!/bin/sh\necho run >> "$0.runs"\necho "${tool} version ${version} Copyright"\necho "------"\necho " A..... libx  X"\n`,
  );
  await chmod(path, 0o755);
  return path;
}
const countRuns = async (path: string) =>
  (await readFile(`${path}.runs`, "utf8").catch(() => "")).split("\n").length - 1;

test("fails when FFMPEG_PATH does not come before the system's, or the system's 5.1 is passed over", async () => {
  const ffmpegPath = await makeTool("env", "ffmpeg", "7.1");
  await makeTool("system", "ffmpeg", "5.1.9-0+deb12u1");
  await makeTool("system", "ffprobe", "5.1.9-0+deb12u1");
  const options = { ffprobePath: undefined, pathVariable: join(dir, "system"), cacheDir: join(dir, "cache-a") };
  const set = await findToolchain({ ...options, ffmpegPath });
  expect(set.ffmpeg).toMatchObject({ rung: "env", path: ffmpegPath, major: 7 });
  expect(set.ffmpeg.encoders.has("libx")).toBe(true);
  const system = await findToolchain({ ...options, ffmpegPath: undefined });
  expect(system.ffmpeg).toMatchObject({ rung: "system", version: "5.1.9-0+deb12u1", major: 5 });
  expect(system.ffprobe.rung).toBe("system");
});

test("fails when a second start asks the binary again, or a changed binary is not asked", async () => {
  const ffmpegPath = await makeTool("cached", "ffmpeg", "6.0");
  const ffprobePath = await makeTool("cached", "ffprobe", "6.0");
  const options = { ffmpegPath, ffprobePath, pathVariable: "", cacheDir: join(dir, "cache-b") };
  await findToolchain(options);
  const first = await countRuns(ffmpegPath);
  expect(first).toBeGreaterThan(0);
  await findToolchain(options);
  expect(await countRuns(ffmpegPath)).toBe(first);
  await makeTool("cached", "ffmpeg", "6.1");
  await utimes(ffmpegPath, 1, 1);
  expect((await findToolchain(options)).ffmpeg.version).toBe("6.1");
});

test("fails when a system ffmpeg older than 5 is used although another is there", async () => {
  await makeTool("old", "ffmpeg", "4.4.2");
  await makeTool("old", "ffprobe", "4.4.2");
  const found = await findToolchain({
    ffmpegPath: undefined,
    ffprobePath: undefined,
    pathVariable: join(dir, "old"),
    cacheDir: join(dir, "cache-c"),
  });
  expect(found.ffmpeg.rung).toBe("bundled");
  expect(found.ffprobe.rung).toBe("bundled");
});

test("fails when a cache that is unreadable or cannot be written is an error", async () => {
  const ffmpegPath = await makeTool("plain", "ffmpeg", "6.0");
  const ffprobePath = await makeTool("plain", "ffprobe", "6.0");
  const cacheDir = join(dir, "cache-d");
  await mkdir(cacheDir);
  await writeFile(join(cacheDir, "tools.json"), "{ not json");
  const options = { ffmpegPath, ffprobePath, pathVariable: "" };
  expect((await findToolchain({ ...options, cacheDir })).ffmpeg.major).toBe(6);
  expect((await findToolchain({ ...options, cacheDir: "/dev/null/cache" })).ffmpeg.major).toBe(6);
});

test("fails when FFMPEG_PATH that cannot be run is passed over in silence", async () => {
  const options = { ffprobePath: undefined, pathVariable: "", cacheDir: join(dir, "cache-e") };
  await expect(findToolchain({ ...options, ffmpegPath: join(dir, "nothing") })).rejects.toMatchObject({
    code: "platform_ffmpeg_missing",
    message: expect.stringContaining("FFMPEG_PATH"),
  });
});
