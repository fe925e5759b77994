import type { StatusTable } from "../../core/cloud-ports.ts";
import type { JobStore } from "../../core/ports.ts";
import { readBusEvent } from "../bus-event.ts";
import type { Telemetry } from "../telemetry.ts";

export interface StatusDeps {
  readonly jobs: Pick<JobStore, "get">;
  /** `null` where the environment has no table of its own: nothing is told then. */
  readonly openTable: () => Promise<StatusTable | null>;
}

/**
 * Writes a job's row into the status table. The event only says that something happened; the row is the job as it
 * stands, so that events may come late, twice and out of order.
 */
export const createHandler =
  ({ jobs, openTable }: StatusDeps, telemetry: Telemetry) =>
  async (event: unknown): Promise<void> => {
    const { owner, subject: jobId, type } = readBusEvent(event);
    if (!type.startsWith("job.")) return;
    const table = await openTable();
    if (table === null) return;
    const job = await jobs.get({ owner, jobId });
    if (job === undefined) return;
    await table.put(job);
    telemetry.info("status row written", { jobId, version: job.version, status: job.status });
    telemetry.count("StatusRowsWritten");
  };
