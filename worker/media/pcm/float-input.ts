/** ffmpeg's arguments for interleaved f32le of our own: from a pipe, or a scratch file that no caller can name. */
export const buildFloatInput = (
  { sampleRateHz, channels }: { readonly sampleRateHz: number; readonly channels: number },
  place: "pipe:0" | `file:${string}` | `subfile,,start,${number},end,${number},,:${string}`,
): readonly string[] => ["-f", "f32le", "-ar", String(sampleRateHz), "-ac", String(channels), "-i", place];
