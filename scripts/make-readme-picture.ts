import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { Peaks } from "../worker/media/waveform/peaks.ts";
import { parsePeaksJson } from "../worker/media/waveform/peaks-file.ts";
import { buildWaveformSvg } from "../worker/media/waveform/waveform-svg.ts";

// Makes docs/images/before-after.svg again: `npx node scripts/make-readme-picture.ts [FILE]`. Everything in it comes
// from the commands that the README shows: the demo's two voices, stitched as they are, and cleaned first.

const root = fileURLToPath(new URL("..", import.meta.url));
const picture = resolve(process.argv[2] ?? join(root, "docs/images/before-after.svg"));
const voices = ["narration-1.flac", "narration-2.m4a"].map((name) => join(root, "assets/demo", name));
const folder = mkdtempSync(join(tmpdir(), "mixdown-picture-"));

const mixdown = (...args: readonly string[]): void => {
  execFileSync(process.execPath, [join(root, "cli/mixdown.js"), ...args, "--quiet"], {
    stdio: ["ignore", "ignore", "inherit"],
  });
};

/** The waveform of voices joined as the demo joins them. */
function drawJoined(name: string, parts: readonly string[]): Peaks {
  const joined = join(folder, `${name}.wav`);
  const peaks = join(folder, `${name}.json`);
  mixdown("stitch", ...parts, "-o", joined, "--gap-ms", "400");
  mixdown("peaks", joined, "-o", peaks, "--bits", "16", "--samples-per-pixel", "512");
  return parsePeaksJson(readFileSync(peaks, "utf8"));
}

try {
  const cleaned = voices.map((voice, index) => {
    const path = join(folder, `cleaned-${index}.wav`);
    mixdown("clean", voice, "-o", path);
    return path;
  });
  const title = "Waveforms of two noisy voices of different levels, before and after cleaning and stitching";
  const svg = buildWaveformSvg({ before: drawJoined("before", voices), after: drawJoined("after", cleaned), title });
  mkdirSync(dirname(picture), { recursive: true });
  writeFileSync(picture, svg);
  console.log(`${picture}  ${svg.length} bytes`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
