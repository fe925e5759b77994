import type { Job } from "./job.ts";
import { limits } from "./limits.ts";
import type { Measurement, Report, Warning } from "./report.ts";

/** What a run tells of itself beside its outputs. */
export interface RunStory {
  readonly report: Report;
  readonly warnings: readonly Warning[];
  readonly engine: NonNullable<Job["engine"]>;
}

/** Name of the output with the whole story, where the job's document has it shortened. */
export const wholeReportName = "report.json";

const longestText = 1_000;

/**
 * Fits a story into `limits.reportBytes`: the first entries of every list that is too long, how many there are, and a
 * summary of what went in. A job of a thousand inputs has half a megabyte of figures and arguments, more than an item
 * of the store or one event of a stream may have. Pure.
 *
 * @returns the very same object when it fits as it is; else its whole must be kept as the output `report.json`
 */
export function shortenStory(story: RunStory): RunStory {
  if (sizeOf(story) <= limits.reportBytes) return story;
  for (let most = 100; ; most = Math.floor(most / 2)) {
    const counts: Record<string, number> = {};
    const { report, warnings, engine } = shorten(story, "", most, counts);
    const shortened = { output: wholeReportName, counts, ...summarize(story.report.before) } as const;
    const fitted = { report: { ...report, shortened }, warnings, engine };
    if (most === 0 || sizeOf(fitted) <= limits.reportBytes) return fitted;
  }
}

const sizeOf = (value: unknown): number => Buffer.byteLength(JSON.stringify(value));

/** Notes the length of each list that is cut, under its path; lists within a list share one, the longest counts. */
function shorten<T>(value: T, path: string, most: number, counts: Record<string, number>): T;
function shorten(value: unknown, path: string, most: number, counts: Record<string, number>): unknown {
  if (typeof value === "string") return value.length > longestText ? `${value.slice(0, longestText)}…` : value;
  if (value === null || typeof value !== "object") return value;
  if (Array.isArray(value)) {
    if (value.length > most) counts[path] = Math.max(counts[path] ?? 0, value.length);
    return value.slice(0, most).map((item) => shorten(item, `${path}[]`, most, counts));
  }
  const step = path === "" ? "" : `${path}.`;
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [name, shorten(item, step + name, most, counts)]),
  );
}

function summarize(before: readonly Measurement[]) {
  const loudness = before.map((one) => one.integratedLufs).filter((lufs) => lufs !== null);
  const peaks = before.map((one) => one.truePeakDbtp).filter((dbtp) => dbtp !== null);
  return {
    beforeSeconds: before.reduce((sum, one) => sum + one.durationSeconds, 0),
    beforeLufs: loudness.length === 0 ? null : { min: Math.min(...loudness), max: Math.max(...loudness) },
    beforePeakDbtp: peaks.length === 0 ? null : Math.max(...peaks),
  };
}
