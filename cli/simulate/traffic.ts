import type { JobRequest, Size } from "../../core/job.ts";
import type { Faults } from "./faults.ts";
import type { Random } from "./random.ts";

/** What only the file would tell. */
export interface JobFacts {
  readonly durationSeconds: number;
  /** The smallest size with enough memory. */
  readonly needs: Size;
  readonly broken: boolean;
}

/** A job that will be asked for. */
export interface Arrival extends JobFacts {
  /** Milliseconds after the beginning. */
  readonly afterMs: number;
  readonly jobId: string;
  readonly request: JobRequest;
  /** By the API, or as a foreign message in the queue. */
  readonly via: "api" | "queue";
  /** Its own files; another job has put the rest there. */
  readonly uploads: readonly string[];
  /** Milliseconds until its caller cancels it. */
  readonly cancelAfterMs: number | null;
}

/** MP3 at 128 kbit/s. */
export const bytesPerSecond = 16_000;
export const contentType = "audio/mpeg";

/** Most recent jobs of which the next one may want the result. */
const recent = 50;

/**
 * The jobs of a play: mostly single recordings of minutes to hours; one in ten is equal to an earlier one, one in ten
 * joins the results of two others, one in ten comes as a foreign message.
 */
export function* planTraffic(random: Random, jobs: number, overMs: number, faults: Faults): Generator<Arrival> {
  const earlier: { jobId: string; key: string; facts: JobFacts }[] = [];
  for (let index = 0; index < jobs; index++) {
    const jobId = `job-${index}`;
    const afterMs = jobs === 1 ? 0 : (overMs * index) / (jobs - 1);
    const key = `raw/local/${jobId}/talk.mp3`;
    const facts: JobFacts = {
      durationSeconds: Math.min(6 * 3_600, Math.max(20, random.logNormal(1_500, 1))),
      needs: random.chance(faults.memory) ? "M" : "S",
      broken: random.chance(faults.broken),
    };
    const cancelAfterMs = random.chance(faults.cancel) ? random.exponential(60_000) : null;
    const sort = random.next();
    const other = earlier.length === 0 ? undefined : earlier[random.whole(0, earlier.length - 1)];
    const another = earlier.length === 0 ? undefined : earlier[random.whole(0, earlier.length - 1)];
    const base = { afterMs, jobId, cancelAfterMs };
    if (sort < 0.1 && other !== undefined) {
      const request: JobRequest = { jobId, kind: "clean", inputs: [{ key: other.key }] };
      yield { ...base, ...other.facts, request, via: "api", uploads: [] };
    } else if (sort < 0.2 && other !== undefined && another !== undefined) {
      const inputs = [other, another].map((source) => ({ jobId: source.jobId, output }));
      const durationSeconds = other.facts.durationSeconds + another.facts.durationSeconds;
      const request: JobRequest = { jobId, kind: "stitch", inputs };
      yield { ...base, ...facts, durationSeconds, request, via: "api", uploads: [] };
    } else {
      const request: JobRequest = { jobId, kind: "clean", inputs: [{ key }] };
      const via = sort < 0.3 ? "queue" : "api";
      yield { ...base, ...facts, request, via, uploads: [key] };
      if (via === "api") earlier.push({ jobId, key, facts });
      if (earlier.length > recent) earlier.shift();
    }
  }
}

/** What every simulated recipe calls its result. */
export const output = "out.mp3";
