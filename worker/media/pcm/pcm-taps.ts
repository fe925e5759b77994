/**
 * A filter that counts samples in passing and says on ffmpeg's log when it ends: `n_samples: N` over all channels. The
 * cheapest that does (0.1 ms a second of stereo).
 */
export const countingTap = "volumedetect";

/** Frames that `countingTap` saw; null when it said nothing. */
export function parseCountedFrames(stderr: string, channels: number): number | null {
  // It speaks for each time the graph was set up; the first is often for nothing.
  const counts = [...stderr.matchAll(/n_samples: (\d+)/g)].map((match) => Number(match[1]));
  return counts.length === 0 ? null : counts.reduce((sum, count) => sum + count, 0) / channels;
}
