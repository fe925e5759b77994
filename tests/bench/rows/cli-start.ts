import { execFileSync } from "node:child_process";
import { chmodSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { measureRun } from "../measure-run.ts";
import type { Row } from "../row.ts";
import { cliPath, makeSpeech } from "../sources.ts";

const root = fileURLToPath(new URL("../../../", import.meta.url));

const startRow = (name: string, entry: string, atMostMs: number, build: () => void): Row => ({
  name,
  work: `from \`node ${relative(root, entry)} clean\` to the first processing ffmpeg's start, probe kept, against \`node -e 0\``,
  bar: { type: "difference", atMostMs },
  async prepare({ folder }) {
    build();
    const input = makeSpeech(folder, 1);
    const starts = join(folder, "starts");
    const env = { ...process.env, FFMPEG_PATH: writeWitness(folder, starts), MIXDOWN_CACHE_DIR: join(folder, "cache") };
    return {
      ours: {
        name: "mixdown clean, to ffmpeg",
        async run() {
          rmSync(starts, { force: true });
          const startedAt = Date.now();
          await measureRun([process.execPath, entry, "clean", input, "-o", join(folder, "out.wav"), "--quiet"], env);
          const first = readFileSync(starts, "utf8").split("\n")[0] ?? "";
          return { wallMs: Number(first) * 1_000 - startedAt, peakBytes: null };
        },
      },
      theirs: { name: "node -e 0", run: () => measureRun([process.execPath, "-e", "0"]) },
    };
  },
});

export const cliStart = startRow("cli-start", cliPath, 200, () => {});

/** The built JavaScript, as the packed package has it. */
export const cliStartPacked = startRow("cli-start-packed", join(root, "dist", "cli", "main.js"), 120, () => {
  execFileSync(process.execPath, [join(root, "scripts", "build-cli.ts")], { cwd: root, stdio: "ignore" });
});

/** An ffmpeg that notes when it was started to process something, and then is the real one. */
function writeWitness(folder: string, starts: string): string {
  const ffmpeg = execFileSync("sh", ["-c", "command -v ffmpeg"], { encoding: "utf8" }).trim();
  const path = join(folder, "ffmpeg");
  // Without an input it is only asked what it can do.
  const note = `for word; do [ "$word" = -i ] && { echo "$EPOCHREALTIME" >> '${starts}'; break; }; done`;
  writeFileSync(path, `#!/usr/bin/env bash\n${note}\nexec '${ffmpeg}' "$@"\n`);
  chmodSync(path, 0o755);
  return path;
}
