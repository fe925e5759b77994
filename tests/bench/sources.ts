import { execFileSync } from "node:child_process";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const cliPath = fileURLToPath(new URL("../../cli/mixdown.js", import.meta.url));
const narration = fileURLToPath(new URL("../../assets/demo/narration-1.flac", import.meta.url));

const ffmpeg = (...args: readonly string[]): void => {
  execFileSync("ffmpeg", ["-nostdin", "-v", "error", "-y", ...args]);
};

/** The demo's noisy narration over and over, 48 kHz mono WAV. No two `variant`s have the same content. */
export function makeSpeech(folder: string, seconds: number, variant = 0): string {
  const path = join(folder, `speech-${seconds}s-${variant}.wav`);
  ffmpeg(...repeat(seconds), "-af", `volume=${-variant / 10}dB`, path);
  return path;
}

/** The same as stereo, its sides apart by a little, in any format; lossy ones at 128 kbit/s. */
export function makeStereoSpeech(
  path: string,
  seconds: number,
  sampleRateHz = 48_000,
  args: readonly string[] = [],
): string {
  const bitRate = /^\.(mp3|m4a|opus|ogg)$/.test(extname(path)) ? ["-b:a", "128k"] : [];
  const sides = "asplit[l][d];[d]adelay=0.3,volume=0.9[r];[l][r]join=inputs=2:channel_layout=stereo";
  ffmpeg(...repeat(seconds), "-filter_complex", sides, "-ar", String(sampleRateHz), ...bitRate, ...args, path);
  return path;
}

/** Hours of the same, mono at 44.1 kHz and 64 kbit/s: five minutes are encoded, and their frames repeated. */
export function makeLongSpeech(folder: string, seconds: number): string {
  const [part, path] = [join(folder, "five-minutes.mp3"), join(folder, `speech-${seconds}s.mp3`)];
  ffmpeg(...repeat(Math.min(300, seconds)), "-ar", "44100", "-b:a", "64k", part);
  ffmpeg("-stream_loop", "-1", "-i", part, "-t", String(seconds), "-c", "copy", path);
  return path;
}

/** Chords that move slowly, stereo WAV: a bed for speech. */
export function makeMusic(path: string, seconds: number): string {
  const chord = [220, 277.2, 329.6].map((hz) => `0.12*sin(2*PI*${hz}*t)*(0.6+0.4*sin(2*PI*0.2*t))`).join("+");
  ffmpeg("-f", "lavfi", "-i", `aevalsrc='${chord}|${chord}':s=48000:d=${seconds}`, path);
  return path;
}

const repeat = (seconds: number): readonly string[] => ["-stream_loop", "-1", "-i", narration, "-t", String(seconds)];
