import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { buildJobEvent } from "../../core/events.ts";
import type { EventLog, JobStore } from "../../core/ports.ts";
import { buildTestJob, claimed, succeeded } from "../fixtures/jobs.ts";

export interface OpenedEventLog {
  readonly events: EventLog;
  /** Stores that write to the log, as two processes see them. */
  readonly jobs: JobStore;
  readonly other: JobStore;
  close(): Promise<void>;
}

/** What every EventLog must do. `open` gives an empty one. */
export function eventLogContract(name: string, open: () => Promise<OpenedEventLog>): void {
  describe(`${name} as an EventLog`, () => {
    let opened: OpenedEventLog;
    let events: EventLog;
    beforeEach(async () => {
      opened = await open();
      events = opened.events;
    });
    afterEach(() => opened.close());

    test("fails when an empty log tells anything", async () => {
      expect(await events.read(0, 10)).toEqual([]);
    });

    test("fails when events are changed, or out of the order in which they happened", async () => {
      const queued = buildTestJob({ metadata: { who: "Zoë 🎧" } });
      const running = claimed(queued, "run");
      const done = succeeded(running);
      await opened.jobs.create(queued);
      await opened.other.update(queued, running);
      await opened.jobs.update(running, done);
      expect((await events.read(0, 10)).map((entry) => entry.event)).toEqual([
        buildJobEvent(undefined, queued),
        buildJobEvent(queued, running),
        buildJobEvent(running, done),
      ]);
    });

    test("fails when a reader that goes on from its position misses events, sees one twice, or gets too many", async () => {
      const ids: string[] = [];
      const writeSome = async (count: number): Promise<void> => {
        const jobs = Array.from({ length: count }, () => buildTestJob());
        await Promise.all(jobs.map((job, index) => (index % 2 === 0 ? opened.jobs : opened.other).create(job)));
        ids.push(...jobs.map((job) => job.jobId));
      };
      await writeSome(7);
      const read: { position: number; subject: string }[] = [];
      for (let position = 0; ; ) {
        const page = await events.read(position, 3);
        expect(page.length).toBeLessThanOrEqual(3);
        if (page.length === 0) break;
        if (read.length < 6) await writeSome(2);
        for (const entry of page) {
          expect(entry.position).toBeGreaterThan(position);
          position = entry.position;
          read.push({ position, subject: entry.event.subject });
        }
      }
      expect(read.map((entry) => entry.subject).toSorted()).toEqual(ids.toSorted());
      // At least once to each reader: who begins again, or lost its place, is told the same.
      expect((await events.read(0, 100)).map((entry) => entry.position)).toEqual(read.map((entry) => entry.position));
    });
  });
}
