import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The tools that we are compared with, by the version that was current when the bars were set. */
const packages = { pydub: "pydub==0.25.1", "ffmpeg-normalize": "ffmpeg-normalize==1.43.0" } as const;

const cache = fileURLToPath(new URL("../../node_modules/.cache/mixdown-bench/", import.meta.url));

/** Installs a peer from PyPI once. @returns the folder of its programs, `python` among them */
export function installPeer(name: keyof typeof packages): string {
  const venv = join(cache, name);
  const programs = join(venv, "bin");
  const isReady = (): boolean => existsSync(join(venv, "ready"));
  if (isReady()) return programs;
  mkdirSync(cache, { recursive: true });
  execFileSync("python3", ["-m", "venv", "--clear", venv], { stdio: "inherit" });
  const quiet = ["install", "--quiet", "--disable-pip-version-check"];
  execFileSync(join(programs, "pip"), [...quiet, packages[name]], { stdio: "inherit" });
  execFileSync("touch", [join(venv, "ready")]);
  return programs;
}
