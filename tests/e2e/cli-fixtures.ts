import { execFileSync, spawn } from "node:child_process";
import { copyFileSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, beforeEach } from "vitest";

/** The command line as the checkout starts it. */
export const entry = fileURLToPath(new URL("../../cli/mixdown.js", import.meta.url));

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stdoutBytes: Buffer;
  readonly stderr: string;
}

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Bytes for stdin; none: stdin is empty. */
  readonly input?: Buffer;
  readonly keepStdinOpen?: boolean;
  /** In place of node and the entry. */
  readonly command?: readonly string[];
}

/** A command line that runs, and its end. */
export function start(args: readonly string[], options: RunOptions = {}) {
  const [file = "", ...rest] = [...(options.command ?? [process.execPath, entry]), ...args];
  const child = spawn(file, rest, {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
  });
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  child.stdout?.on("data", (chunk: Buffer) => out.push(chunk));
  child.stderr?.on("data", (chunk: Buffer) => err.push(chunk));
  // A command that needs no stdin may be gone before it is written.
  child.stdin?.on("error", () => {});
  if (options.keepStdinOpen !== true) child.stdin?.end(options.input);
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => {
      const stdoutBytes = Buffer.concat(out);
      resolve({ code, stdout: stdoutBytes.toString(), stdoutBytes, stderr: Buffer.concat(err).toString() });
    });
  });
  return { child, ended, stdout: () => Buffer.concat(out).toString() };
}

export const run = (args: readonly string[], options: RunOptions = {}): Promise<Ended> => start(args, options).ended;

/** Recordings made once a file, and a fresh folder for each test. */
export function useFolder(make: (dir: string) => void = makeTalk) {
  let sources = "";
  let dir = "";
  beforeAll(() => {
    sources = mkdtempSync(join(tmpdir(), "mixdown-cli-sources-"));
    make(sources);
  }, 120_000);
  afterAll(() => rmSync(sources, { recursive: true, force: true }));
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), "mixdown-cli-"));
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));
  return {
    get dir() {
      return dir;
    },
    at: (name: string) => join(dir, name),
    /** Puts a source into the folder, under another name where one is given. */
    put: (source: string, name = source) => {
      copyFileSync(join(sources, source), join(dir, name));
      return name;
    },
    /** What lies there, hidden files too. */
    list: () => readdirSync(dir).sort(),
  };
}

/** `talk.wav` and `talk.mp3`: three seconds of interrupted tone over noise, which any recipe can work on. */
function makeTalk(dir: string): void {
  const tone = "sine=frequency=220:duration=3,volume='0.5*lt(mod(t,1),0.7)':eval=frame";
  ffmpeg(
    "-f",
    "lavfi",
    "-i",
    tone,
    "-f",
    "lavfi",
    "-i",
    "anoisesrc=d=3:a=0.01:seed=1",
    "-filter_complex",
    "amix=normalize=0",
    join(dir, "talk.wav"),
  );
  ffmpeg("-i", join(dir, "talk.wav"), join(dir, "talk.mp3"));
}

/** The system's ffmpeg, plainly. */
export function ffmpeg(...args: readonly string[]): void {
  execFileSync("ffmpeg", ["-y", "-nostdin", "-v", "error", ...args]);
}

/** Duration in seconds as the system's ffprobe reads it. */
export function durationOf(path: string): number {
  const args = ["-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0", path];
  return Number(execFileSync("ffprobe", args).toString().trim());
}

export async function waitUntil(what: string, isSo: () => boolean, withinMs = 60_000): Promise<void> {
  const until = performance.now() + withinMs;
  while (!isSo()) {
    if (performance.now() > until) throw new Error(`waited ${withinMs} ms in vain until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
