import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const cliPath = fileURLToPath(new URL("../../cli/mixdown.js", import.meta.url));
const narration = fileURLToPath(new URL("../../assets/demo/narration-1.flac", import.meta.url));

/** The demo's noisy narration over and over, 48 kHz mono WAV. No two `variant`s have the same content. */
export function makeSpeech(folder: string, seconds: number, variant = 0): string {
  const path = join(folder, `speech-${seconds}s-${variant}.wav`);
  const input = ["-stream_loop", "-1", "-i", narration, "-t", String(seconds), "-af", `volume=${-variant / 10}dB`];
  execFileSync("ffmpeg", ["-nostdin", "-v", "error", "-y", ...input, path]);
  return path;
}
