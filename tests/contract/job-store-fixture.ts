import { afterEach, beforeEach, expect } from "vitest";
import type { Job } from "../../core/job.ts";
import type { EventLog, JobStore } from "../../core/ports.ts";
import { buildTestJob } from "../fixtures/jobs.ts";

export interface OpenedJobStore {
  readonly jobs: JobStore;
  /** The same store as another process sees it. */
  readonly other: JobStore;
  /** The feed that the store writes to. */
  readonly events: EventLog;
  /** The store's clock; tests move it forward. */
  readonly clock: { advance(ms: number): void };
  close(): Promise<void>;
}

export type UsedJobStore = ReturnType<typeof useJobStore>;

/** A store of its own for each test, and ways to put jobs into it and to move them on. */
export function useJobStore(open: () => Promise<OpenedJobStore>) {
  let opened: OpenedJobStore;
  beforeEach(async () => {
    opened = await open();
  });
  afterEach(() => opened.close());

  const put = async (overrides: Partial<Job> = {}): Promise<Job> =>
    (await opened.jobs.create(buildTestJob(overrides))).job;
  const write = async (before: Job, after: Job): Promise<Job> => {
    expect(await opened.jobs.update(before, after)).toBe(true);
    return after;
  };
  const eventsOf = async (job: Job) =>
    (await opened.events.read(0, 1_000)).map((entry) => entry.event).filter((event) => event.subject === job.jobId);
  return {
    get opened() {
      return opened;
    },
    put,
    write,
    eventsOf,
  };
}
