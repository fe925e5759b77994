import { execFile } from "node:child_process";
import { existsSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { beforeAll, expect, test } from "vitest";
import { ffmpeg, speak, useMediaFixtures } from "./media-fixtures.ts";

const entry = fileURLToPath(new URL("../../cli/mixdown.js", import.meta.url));
const packed = createRequire(import.meta.url);
const pathOf = (tool: string): string => (packed(`@${tool}-installer/${tool}`) as { path: string }).path;

const fixtures = useMediaFixtures();
beforeAll(async () => {
  await speak(
    "The old build must do its work as well, slowly, and promise nothing at all.",
    fixtures.file("voice.wav"),
  );
  await ffmpeg("-v", "error", "-i", fixtures.file("voice.wav"), "-b:a", "96k", fixtures.file("voice.m4a"));
  await ffmpeg("-v", "error", "-i", fixtures.file("voice.wav"), "-b:a", "96k", fixtures.file("voice.mp3"));
  // A PATH with node and the launchers, and no ffmpeg.
  mkdirSync(fixtures.file("bin"));
  symlinkSync(process.execPath, fixtures.file("bin/node"));
});

/** The two ways on to the last rung. */
const rungs: readonly (readonly [string, () => Record<string, string>])[] = [
  ["named by FFMPEG_PATH", () => ({ FFMPEG_PATH: pathOf("ffmpeg"), FFPROBE_PATH: pathOf("ffprobe") })],
  ["as all that is there", () => ({ PATH: fixtures.file("bin"), FFMPEG_PATH: "", FFPROBE_PATH: "" })],
];

interface Outcome {
  readonly code: number;
  readonly stderr: string;
  readonly document: {
    readonly status: string;
    readonly warnings: readonly { readonly code: string; readonly detail: string }[];
    readonly outputs: readonly { readonly durationSeconds: number }[];
    readonly engine?: { readonly ffmpeg: string };
    readonly error?: { readonly code: string };
    readonly report: { readonly after: { readonly integratedLufs: number; readonly truePeakDbtp: number } } | null;
  };
}

function mixdown(env: Record<string, string>, ...args: readonly string[]): Promise<Outcome> {
  return new Promise((resolve) => {
    const options = { cwd: fixtures.dir, env: { ...process.env, ...env } };
    const child = execFile(process.execPath, [entry, ...args, "--json"], options, (_error, stdout, stderr) => {
      resolve({ code: child.exitCode ?? -1, stderr, document: JSON.parse(stdout) });
    });
  });
}

function expectOldBuild({ stderr, document }: Outcome): void {
  const warning = document.warnings.find(({ code }) => code === "ffmpeg_old");
  expect(warning?.detail).toMatch(/no quality bar holds/);
  expect(warning?.detail).toContain("N-");
  expect(stderr).toContain(`warning: ${warning?.detail}`);
}

test.each(rungs)("fails when the package's build %s does not clean, or claims a bar", async (_how, env) => {
  const outcome = await mixdown(env(), "clean", "voice.m4a", "-o", "cleaned.mp3");
  expect(outcome.code, outcome.stderr).toBe(0);
  expectOldBuild(outcome);
  expect(outcome.document.engine?.ffmpeg).toContain("N-");
  // Not the bar, but not nonsense either.
  expect(Math.abs((outcome.document.report?.after.integratedLufs ?? 0) + 16)).toBeLessThan(1);
  expect(outcome.document.report?.after.truePeakDbtp).toBeLessThan(0);
});

test.each(rungs)("fails when the package's build %s does not stitch", async (_how, env) => {
  const outcome = await mixdown(
    env(),
    "stitch",
    "voice.wav",
    "voice.mp3",
    "voice.m4a",
    "-o",
    "joined.m4a",
    "--gap-ms",
    "100",
  );
  expect(outcome.code, outcome.stderr).toBe(0);
  expectOldBuild(outcome);
  const single = await mixdown(env(), "stitch", "voice.wav", "-o", "single.wav");
  const seconds = single.document.outputs[0]?.durationSeconds ?? 0;
  expect(Math.abs((outcome.document.outputs[0]?.durationSeconds ?? 0) - 3 * seconds - 0.2)).toBeLessThan(0.1);
});

test.each(rungs)("fails when the package's build %s does not probe and draw", async (_how, env) => {
  const probed = await mixdown(env(), "probe", "voice.m4a");
  expect(probed.code, probed.stderr).toBe(0);
  expect(probed.document).toMatchObject({ audio: [{ codec: "aac", sampleRateHz: 48_000 }] });
  const peaks = await mixdown(env(), "peaks", "voice.mp3", "-o", "peaks.json");
  expect(peaks.code, peaks.stderr).toBe(0);
  expectOldBuild(peaks);
});

test.each(rungs)("fails when the package's build %s opens what the gate refuses", async (_how, env) => {
  writeFileSync(fixtures.file("list.mp3"), `#EXTM3U\n#EXTINF:2,\n${fixtures.file("voice.mp3")}\n#EXT-X-ENDLIST\n`);
  const wrapped = Buffer.concat([Buffer.from("ID3\x04\0\0\0\0\0\0", "latin1"), Buffer.from("#EXTM3U\nvoice.ts\n")]);
  writeFileSync(fixtures.file("wrapped.mp3"), wrapped);
  expect((await mixdown(env(), "probe", "list.mp3")).document.error?.code).toBe("input_format_refused");
  const outcome = await mixdown(env(), "stitch", "wrapped.mp3", "-o", "never.wav");
  expect([outcome.code, outcome.document.error?.code]).toEqual([3, "input_corrupt"]);
});

test("fails when a newer ffmpeg is said to be old", async () => {
  const outcome = await mixdown({}, "peaks", "voice.mp3", "-o", "new.json");
  expect(outcome.document.warnings).toEqual([]);
});

test.each(rungs)("fails when the package's build %s serves strangers", async (_how, env) => {
  const { code, document } = await mixdown(env(), "dev", "--host", "0.0.0.0", "--port", "0", "--data", "strangers");
  expect(code).toBe(5);
  expect(document.error).toMatchObject({ code: "platform_ffmpeg_missing", detail: expect.stringContaining("0.0.0.0") });
  expect(existsSync(fixtures.file("strangers"))).toBe(false);
});
