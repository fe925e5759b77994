/**
 * Filters that look at samples in passing and say what they saw on ffmpeg's log when it ends. Each may stand alone or
 * behind another: they give on what they get.
 */

/** Counts samples: `n_samples: N` over all channels. The cheapest filter that does (0.1 ms a second of stereo). */
export const countingTap = "volumedetect";

/** EBU R 128 and true peak. `verbose` keeps its line each 100 ms out of the log, also in versions without `quiet`. */
export const loudnessTap = "ebur128=framelog=verbose:peak=true";

/** Frames that `countingTap` saw; null when it said nothing. */
export function parseCountedFrames(stderr: string, channels: number): number | null {
  // It speaks for each time the graph was set up; the first is often for nothing.
  const counts = [...stderr.matchAll(/n_samples: (\d+)/g)].map((match) => Number(match[1]));
  return counts.length === 0 ? null : counts.reduce((sum, count) => sum + count, 0) / channels;
}

export interface TappedLoudness {
  /** LUFS; null under 0.4 s, where there is no gating block, and on silence. */
  readonly integratedLufs: number | null;
  /** dBTP; null on digital silence. */
  readonly truePeakDbtp: number | null;
  /** LU; null where there is no loudness, and under 30 s. */
  readonly loudnessRangeLu: number | null;
}

/** Below this the filter's loudness range is mostly that of its own window of 3 s, which it counts while it fills. */
const rangeSeconds = 30;

/** What `loudnessTap` said of a recording of `seconds`. Resolution: 0.1 LU and dB. */
export function parseLoudnessTap(stderr: string, seconds: number): TappedLoudness {
  const summary = stderr.slice(stderr.lastIndexOf("Integrated loudness:"));
  const read = (pattern: RegExp): number | null => {
    const value = Number(pattern.exec(summary)?.[1] ?? Number.NaN);
    return Number.isFinite(value) ? value : null;
  };
  const lufs = read(/\bI:\s+(\S+) LUFS/);
  // Without a gating block it prints 0.0 in some versions, -70.0, the absolute gate, in others.
  const integratedLufs = seconds < 0.4 || lufs === null || lufs <= -70 ? null : lufs;
  return {
    integratedLufs,
    truePeakDbtp: read(/\bPeak:\s+(\S+) dBFS/),
    loudnessRangeLu: integratedLufs === null || seconds < rangeSeconds ? null : read(/\bLRA:\s+(\S+) LU/),
  };
}
