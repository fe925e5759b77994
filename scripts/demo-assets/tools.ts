import { execFileSync } from "node:child_process";

/** Enough for a minute of stereo floats. */
const maxBuffer = 64 * 1024 ** 2;
const quiet = ["-hide_banner", "-loglevel", "error"];

/** One channel of samples, full scale ±1. */
export type Channel = Float32Array;

export interface SpeechOptions {
  /** SSML inside the `<speak>` element. */
  readonly text: string;
  readonly voice: string;
  readonly wordsPerMinute: number;
  /** espeak's 0-99. */
  readonly pitch: number;
}

/** Speaks with espeak-ng, resampled to `sampleRateHz`. */
export function speak(options: SpeechOptions, sampleRateHz: number): Channel {
  const { text, voice, wordsPerMinute, pitch } = options;
  const args = ["-v", voice, "-s", String(wordsPerMinute), "-p", String(pitch), "-m", "--stdout"];
  const wav = execFileSync("espeak-ng", [...args, `<speak>${text}</speak>`], { maxBuffer });
  const toFloats = [...quiet, "-i", "pipe:0", "-ac", "1", "-ar", String(sampleRateHz), "-f", "f32le", "pipe:1"];
  const raw = execFileSync("ffmpeg", toFloats, { input: wav, maxBuffer });
  return new Float32Array(raw.buffer.slice(raw.byteOffset, raw.byteOffset + raw.length - (raw.length % 4)));
}

/** Encodes channels to `path` by `codecArgs`, without anything that changes from run to run. */
export function encode(
  path: string,
  channels: readonly Channel[],
  sampleRateHz: number,
  codecArgs: readonly string[],
): void {
  const pcm = ["-f", "f32le", "-ar", String(sampleRateHz), "-ac", String(channels.length), "-i", "pipe:0"];
  const plain = ["-map_metadata", "-1", "-fflags", "+bitexact", "-flags:a", "+bitexact"];
  execFileSync("ffmpeg", [...quiet, ...pcm, ...plain, ...codecArgs, "-y", path], { input: interleave(channels) });
}

function interleave(channels: readonly Channel[]): Uint8Array {
  const frames = Math.min(...channels.map((channel) => channel.length));
  const mixed = new Float32Array(frames * channels.length);
  for (const [index, channel] of channels.entries()) {
    for (let frame = 0; frame < frames; frame++) mixed[frame * channels.length + index] = channel[frame] ?? 0;
  }
  return new Uint8Array(mixed.buffer);
}
