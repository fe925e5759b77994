import type { StatusTable } from "../../core/cloud-ports.ts";
import { MixdownError } from "../../core/errors.ts";
import { formatJobRef, type Job } from "../../core/job.ts";

export interface PostgrestSettings {
  /** Of the project (`https://x.supabase.co`), or of PostgREST itself where it ends in `/rest/v1`. */
  readonly url: string;
  readonly serviceKey: string;
  readonly defaultOwner: string;
  /** @default 10 s */
  readonly timeoutMs?: number;
}

const table = "mixdown_jobs";

interface Row {
  readonly job_id: string;
  readonly status: Job["status"];
  readonly percent: number;
  readonly outputs: Job["outputs"];
  readonly error: Job["error"];
  readonly version: number;
  readonly updated_at: string;
}

/**
 * A row a job in a table behind PostgREST (`docs/supabase.sql`), by plain requests: an update under the condition that
 * what stands there is older, else an insert that leaves alone what stands there. Each is one statement of the
 * database, so that whoever comes late or twice changes nothing.
 */
export function createPostgrestStatusTable(settings: PostgrestSettings): StatusTable {
  const { serviceKey, defaultOwner, timeoutMs = 10_000 } = settings;
  const base = settings.url.replace(/\/+$/, "").replace(/\/rest\/v1$/, "");

  /** @returns whether a row was written */
  async function send(
    method: "PATCH" | "POST",
    query: Record<string, string>,
    prefer: string,
    row: Row,
  ): Promise<boolean> {
    const search = new URLSearchParams({ ...query, select: "job_id" });
    let response: Response;
    try {
      response = await fetch(`${base}/rest/v1/${table}?${search}`, {
        method,
        headers: {
          apikey: serviceKey,
          authorization: `Bearer ${serviceKey}`,
          "content-type": "application/json",
          prefer: `return=representation${prefer}`,
        },
        body: JSON.stringify(row),
        signal: AbortSignal.timeout(timeoutMs),
        redirect: "error",
      });
    } catch (cause) {
      throw new MixdownError("platform_unreachable", {
        message: `The status table at ${base} does not answer.`,
        cause,
      });
    }
    const text = await response.text();
    if (response.ok) return (JSON.parse(text) as unknown[]).length > 0;
    // A full or restarting database mends itself; a missing table, column or key does not.
    const passing = response.status >= 500 || response.status === 429 || response.status === 408;
    throw new MixdownError(passing ? "platform_unreachable" : "platform_internal", {
      message: `The status table at ${base} answered ${response.status}: ${text.slice(0, 300)}; docs/supabase.sql makes it.`,
      retryable: passing,
    });
  }

  return {
    async put(job) {
      const row = buildRow(job, defaultOwner);
      const older = { job_id: `eq.${row.job_id}`, or: buildOlder(row) };
      if (await send("PATCH", older, "", row)) return;
      if (await send("POST", { on_conflict: "job_id" }, ",resolution=ignore-duplicates", row)) return;
      // Something stands there: newer, or older and made in between.
      await send("PATCH", older, "", row);
    },
  };
}

/** Progress is no write of the job: within one version more percent are newer. */
const buildOlder = ({ version, percent }: Row): string =>
  `(version.lt.${version},and(version.eq.${version},percent.lt.${percent}))`;

const buildRow = (job: Job, defaultOwner: string): Row => ({
  job_id: formatJobRef(job, defaultOwner),
  status: job.status,
  percent: Math.floor(job.progress.percent),
  outputs: job.outputs,
  error: job.error,
  version: job.version,
  updated_at: job.updatedAt,
});
