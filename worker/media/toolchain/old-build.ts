import type { Warning } from "../../../core/report.ts";
import type { FfmpegTool } from "./toolchain.ts";

/** Builds from git carry the number of their commit; version 5.0 was branched at this one (January 2022). */
const firstCommit = 105_000;

/**
 * The warning that everything made by an ffmpeg older than 5 carries: it works, and nothing is promised of it. Null for
 * newer ones, and for builds that say nothing of their age.
 */
export function describeOldBuild({ rung, version, major }: FfmpegTool): Warning | null {
  const commit = /^N-(\d+)-g/.exec(version)?.[1];
  const isOld =
    rung === "bundled" || (major > 0 && major < 5) || (commit !== undefined && Number(commit) < firstCommit);
  if (!isOld) return null;
  const which = rung === "bundled" ? "The ffmpeg that comes with the package" : "An old ffmpeg";
  return {
    code: "ffmpeg_old",
    detail: `${which} is used (${version}): slower, with fewer filters and faults that were fixed since, and no quality bar holds. Install ffmpeg 5 or newer.`,
  };
}
