import { execFile, spawn } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { text } from "node:stream/consumers";
import { promisify } from "node:util";

const execute = promisify(execFile);

/** Kept between runs, and out of git as all of node_modules. */
const venv = "node_modules/.cache/mixdown-quality";
const packages = ["numpy==2.4.6", "scipy==1.17.1", "pystoi==0.4.1", "pesq==0.0.4"];

export interface ScoreFiles {
  readonly reference: string;
  readonly before: string;
  readonly after: string;
}

export interface Scores {
  /** Short-time objective intelligibility (Taal et al. 2011), 0 to 1. */
  readonly stoiBefore: number;
  readonly stoiAfter: number;
  /** Wide-band PESQ (ITU-T P.862.2), 1 to 4.6. */
  readonly pesqBefore: number;
  readonly pesqAfter: number;
}

/** Makes the Python environment where it is missing; resolves with the reason when that is impossible, else with null. */
export async function preparePython(): Promise<string | null> {
  const ready = () => execute(`${venv}/bin/python`, ["-c", "import pystoi, pesq, scipy"]);
  try {
    await ready();
    return null;
  } catch {
    // Made below.
  }
  try {
    await mkdir(venv, { recursive: true });
    await execute("python3", ["-m", "venv", venv]);
    // pesq comes as source: it needs a C compiler and numpy's headers.
    await execute(`${venv}/bin/pip`, ["install", "--quiet", "--disable-pip-version-check", ...packages]);
    await ready();
    return null;
  } catch (error) {
    const [last = "unknown"] = String((error as { stderr?: string }).stderr ?? error)
      .trim()
      .split("\n")
      .slice(-1);
    return `pystoi and pesq cannot be installed from PyPI (python3 with venv, pip and a C compiler are needed): ${last}`;
  }
}

/** Scores of each triple, in order. */
export async function scoreFiles(files: readonly ScoreFiles[]): Promise<readonly Scores[]> {
  const child = spawn(`${venv}/bin/python`, ["tests/quality/score.py"], { stdio: ["pipe", "pipe", "inherit"] });
  const closed = new Promise<number | null>((resolve) => child.on("close", resolve));
  child.stdin.end(JSON.stringify(files));
  const out = await text(child.stdout);
  const code = await closed;
  if (code !== 0) throw new Error(`score.py ended with ${code}`);
  return JSON.parse(out) as readonly Scores[];
}
