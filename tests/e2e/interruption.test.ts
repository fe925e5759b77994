import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { createRandom } from "../fixtures/random.ts";
import { entry, ffmpeg, run, useFolder } from "./cli-fixtures.ts";
import { findMarked } from "./process-tree.ts";

/** As the bar has it: MIXDOWN_INTERRUPT_ROUNDS=100. A round takes about a second. */
const rounds = Number(process.env.MIXDOWN_INTERRUPT_ROUNDS ?? 15);
const seed = Number(process.env.MIXDOWN_INTERRUPT_SEED ?? Date.now() % 100_000);

const folder = useFolder((dir) => {
  ffmpeg("-f", "lavfi", "-i", "anoisesrc=d=25:a=0.1:r=48000:c=pink:seed=1", "-ac", "2", join(dir, "talk.flac"));
  ffmpeg("-f", "lavfi", "-i", "anoisesrc=d=25:a=0.1:r=44100:c=pink:seed=2", "-b:a", "128k", join(dir, "more.mp3"));
});

const commands = [
  ["clean", "talk.flac", "-o", "out.flac"],
  ["clean", "more.mp3", "-o", "out.mp3"],
  ["stitch", "talk.flac", "more.mp3", "talk.flac", "-o", "out.flac", "--crossfade-ms", "300"],
  ["stitch", "more.mp3", "talk.flac", "-o", "out.m4a", "--match-loudness"],
  ["peaks", "talk.flac", "-o", "out.json"],
  ["clean", "talk.flac", "-o", "new/"],
  ["mix", "talk.flac", "--music", "more.mp3", "-o", "out.mp3"],
] as const;
const signals = ["SIGINT", "SIGTERM", "SIGKILL"] as const;
const victims = ["cli", "ffmpeg"] as const;
const precious = "what stood here before";

interface Round {
  readonly args: readonly string[];
  readonly signal: (typeof signals)[number];
  readonly victim: (typeof victims)[number];
  readonly afterMs: number;
}

/** What a round does, by its number alone: a failure names the seed. */
function planRound(round: number): Round {
  const random = createRandom(seed * 1_000 + round);
  const pick = <Item>(items: readonly Item[]): Item => items[Math.floor(random() * items.length)] as Item;
  // Every pair of victim and signal comes up equally often.
  const victim = victims[round % 2] ?? "cli";
  const signal = signals[Math.floor(round / 2) % 3] ?? "SIGKILL";
  return { args: pick(commands), signal, victim, afterMs: random() * 1_600 };
}

const isFfmpeg = ({ command }: { command: string }): boolean => /^\S*(ffmpeg|ffprobe) /.test(command);

function strike(child: ChildProcess, mark: string, { signal, victim }: Round): void {
  const ffmpegs = findMarked(mark).filter(isFfmpeg);
  const pid = victim === "ffmpeg" ? ffmpegs[Math.floor(ffmpegs.length / 2)]?.pid : child.pid;
  try {
    if (pid !== undefined) process.kill(pid, signal);
  } catch {
    // It ended by itself.
  }
}

/** Whether a file is complete: ffmpeg decodes all of it, and it is as long as its inputs. */
function isComplete(path: string): boolean {
  if (path.endsWith(".json")) return JSON.parse(readFileSync(path, "utf8")).length > 0;
  const { status, stderr } = spawnSync("ffmpeg", ["-v", "error", "-xerror", "-i", path, "-f", "null", "-"]);
  const probed = spawnSync("ffprobe", ["-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0", path]);
  return status === 0 && stderr.length === 0 && Number(probed.stdout.toString()) > 24.5;
}

async function playRound(index: number): Promise<string> {
  const round = planRound(index);
  const told = `seed ${seed}, round ${index}: ${round.signal} to ${round.victim} after ${round.afterMs.toFixed(0)} ms of ${round.args.join(" ")}`;
  const home = join(folder.dir, String(index));
  const temporary = join(home, "tmp");
  mkdirSync(temporary, { recursive: true });
  for (const name of ["talk.flac", "more.mp3"]) folder.put(name, join(String(index), name));
  const target = String(round.args[round.args.indexOf("-o") + 1]);
  const out = join(home, target.endsWith("/") ? "new/talk.flac" : target);
  if (!target.endsWith("/")) writeFileSync(out, precious);
  const before = readdirSync(home).sort();
  const mark = `MIXDOWN_INTERRUPTION=${process.pid}-${seed}-${index}.`;
  const child = spawn(process.execPath, [entry, ...round.args], {
    cwd: home,
    env: { ...process.env, TMPDIR: temporary, MIXDOWN_INTERRUPTION: mark.split("=")[1] },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stderr = "";
  child.stdout.resume();
  child.stderr.on("data", (chunk) => {
    stderr += chunk;
  });
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  await sleep(round.afterMs);
  strike(child, mark, round);
  const code = await Promise.race([ended, sleep(20_000, "hangs" as const)]);
  expect(code, told).not.toBe("hangs");
  for (let waited = 0; findMarked(mark).length > 0 && waited < 2_000; waited += 50) await sleep(50);
  expect(findMarked(mark), `${told}: still alive after 2 s`).toEqual([]);

  const killedOutright = round.victim === "cli" && round.signal === "SIGKILL" && code !== 0;
  // Killed between its last rename and its end it has done what it was asked for, and could not say so.
  const isDone = code === 0 || (killedOutright && existsSync(out) && statSync(out).size !== precious.length);
  if (isDone) {
    expect(isComplete(out), `${told}: its output stands there, and is not complete`).toBe(true);
  } else if (existsSync(out)) {
    expect(statSync(out).size, `${told}: existing output touched (exit ${code})\n${stderr}`).toBe(precious.length);
    expect(readFileSync(out, "utf8"), told).toBe(precious);
    if (target.endsWith("/")) expect.fail(`${told}: partial output is visible`);
  }
  // Killed outright there was nobody left to tidy up: the next run here does.
  if (killedOutright) {
    expect((await run(["peaks", "more.mp3", "-o", "next.json"], { cwd: home })).code, told).toBe(0);
  } else {
    expect(stderr, told).not.toMatch(/ {4}at |node:internal/);
    // Without a code it was struck before it could listen, and had done nothing yet.
    if (code !== 0 && code !== null) expect(stderr, told).toMatch(/^error: [^\n]+$/m);
  }
  const expected = [
    ...before,
    ...(killedOutright ? ["next.json"] : []),
    ...(isDone && target === "new/" ? ["new"] : []),
  ];
  // An empty folder that was to hold the output may stay after a kill; it is no output.
  const left = readdirSync(home).filter((name) => !(killedOutright && name === "new" && isEmptied(join(home, name))));
  expect(left.sort(), `${told}: left behind`).toEqual(expected.sort());
  expect(readdirSync(temporary), `${told}: left in the temporary folder`).toEqual([]);
  return `${round.victim} ${round.signal} ${code === 0 ? "late" : "struck"}`;
}

/** Nothing in it, or only what the next run into it removes. */
const isEmptied = (path: string): boolean => readdirSync(path).every((name) => name.startsWith(".mixdown-"));

test(
  `fails when ${rounds} signals at random instants leave a process, a partial output or a temporary file`,
  async () => {
    const outcomes: string[] = [];
    // Two at a time, as there are cores.
    for (let index = 0; index < rounds; index += 2) {
      const pair = [index, index + 1].filter((round) => round < rounds);
      outcomes.push(...(await Promise.all(pair.map(playRound))));
    }
    // Most must have hit a run under way, or nothing was tried.
    expect(outcomes.filter((outcome) => outcome.endsWith("struck")).length).toBeGreaterThan(rounds / 4);
  },
  rounds * 20_000,
);
