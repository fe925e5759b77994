/** ffmpeg's arguments for interleaved f32le of our own: from a pipe, or a scratch file that no caller can name. */
export const buildFloatInput = (
  { sampleRateHz, channels }: { readonly sampleRateHz: number; readonly channels: number },
  place: "pipe:0" | `file:${string}` | `subfile,,start,${number},end,${number},,:${string}`,
): readonly string[] => ["-f", "f32le", "-ar", String(sampleRateHz), "-ac", String(channels), "-i", place];

/**
 * Output arguments for the same; a pipe is written to as its buffer fills (32 KiB), not packet by packet as ffmpeg does by
 * itself: that costs it and whoever reads a call for every 26 ms.
 */
export const buildFloatOutput = (place: "pipe:1" | `file:${string}`): readonly string[] => [
  ...["-c:a", "pcm_f32le", ...fullBuffers, "-f", "f32le", place],
];

/** Output option of whatever goes through a pipe and is not waited for packet by packet. */
export const fullBuffers = ["-flush_packets", "0"] as const;
