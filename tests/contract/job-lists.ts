import { beforeEach, describe, expect, test } from "vitest";
import { dueTimeOf } from "../../core/due-time.ts";
import type { Job } from "../../core/job.ts";
import { isoTime } from "../../core/platform.ts";
import type { JobQuery, JobStore } from "../../core/ports.ts";
import { changed, claimed, failed, handedBack, succeeded } from "../fixtures/jobs.ts";
import { type OpenedJobStore, useJobStore } from "./job-store-fixture.ts";

/** What every JobStore's lists must do. */
export function jobListsContract(name: string, open: () => Promise<OpenedJobStore>): void {
  describe(`${name} as a list of jobs`, () => {
    const store = useJobStore(open);
    const { put, write } = store;
    let jobs: JobStore;
    beforeEach(() => {
      jobs = store.opened.jobs;
    });

    const putAged = (minute: number, overrides: Partial<Job> = {}): Promise<Job> =>
      put({ createdAt: isoTime(Date.UTC(2026, 0, 1, 0, minute)), ...overrides });
    const idsOf = (list: Iterable<Job>): string[] => [...list].map((job) => job.jobId);
    const active = async (store = jobs): Promise<Job[]> => {
      const found: Job[] = [];
      for await (const job of store.listActive()) found.push(job);
      return found;
    };

    describe("pages", () => {
      const readAll = async (owner: string, query: JobQuery, between?: () => Promise<unknown>): Promise<Job[]> => {
        const found: Job[] = [];
        for (let cursor: string | undefined; ; ) {
          const page = await jobs.list(owner, { ...query, cursor });
          expect(page.jobs.length).toBeLessThanOrEqual(query.limit);
          found.push(...page.jobs);
          if (page.next === null) return found;
          cursor = page.next;
          await between?.();
        }
      };

      test("fails when an empty list is anything but empty", async () => {
        expect(await jobs.list("local", { limit: 5 })).toEqual({ jobs: [], next: null });
      });

      test("fails when pages are not newest first, whole and without repeats while new jobs arrive", async () => {
        const made: Job[] = [];
        for (let minute = 0; minute < 13; minute++) made.push(await putAged(minute));
        let later = 100;
        const listed = await readAll("local", { limit: 4 }, () => putAged(later++));
        expect(idsOf(listed)).toEqual(idsOf(made.reverse()));
      });

      test("fails when jobs of the same instant are lost or doubled between pages", async () => {
        const made: string[] = [];
        for (let count = 0; count < 9; count++) made.push((await putAged(0)).jobId);
        const listed = idsOf(await readAll("local", { limit: 2 }));
        expect(listed.toSorted()).toEqual(made.toSorted());
      });

      test("fails when a page that ends with the last job promises more", async () => {
        for (let minute = 0; minute < 4; minute++) await putAged(minute);
        const first = await jobs.list("local", { limit: 2 });
        const second = await jobs.list("local", { limit: 2, cursor: first.next ?? "" });
        expect(second.jobs).toHaveLength(2);
        // A store may only know with the next read; then that is empty.
        const rest = second.next === null ? { jobs: [] } : await jobs.list("local", { limit: 2, cursor: second.next });
        expect(rest.jobs).toEqual([]);
      });

      test("fails when a filter lets others through, hides its own, or ends early on a page without a match", async () => {
        const matching: string[] = [];
        for (let minute = 0; minute < 12; minute++) {
          const job = await putAged(minute, { kind: minute % 2 === 0 ? "clean" : "stitch" });
          if (minute % 5 !== 0) continue;
          await write(job, failed(job));
          if (job.kind === "clean") matching.push(job.jobId);
        }
        const listed = await readAll("local", { limit: 1, status: "failed", kind: "clean" });
        expect(idsOf(listed)).toEqual(matching.reverse());
        expect(listed.every((job) => job.status === "failed" && job.error !== null)).toBe(true);
        expect(await readAll("local", { limit: 5, status: "running" })).toEqual([]);
        expect(await readAll("local", { limit: 5, kind: "stitch" })).toHaveLength(6);
      });

      test("fails when a cursor is good for another owner, another filter, or when it is made up", async () => {
        for (let minute = 0; minute < 3; minute++) await putAged(minute);
        const { next } = await jobs.list("local", { limit: 1 });
        const cursor = next ?? "";
        expect(cursor).not.toBe("");
        const refused = { code: "invalid_cursor" };
        await expect(jobs.list("another", { limit: 1, cursor })).rejects.toMatchObject(refused);
        await expect(jobs.list("local", { limit: 1, cursor, status: "queued" })).rejects.toMatchObject(refused);
        await expect(jobs.list("local", { limit: 1, cursor, kind: "clean" })).rejects.toMatchObject(refused);
        for (const bad of ["", "x", "e30", `${cursor}x`, cursor.slice(1), "null", "W10", "' OR 1=1 --", "\u0000"]) {
          await expect(jobs.list("local", { limit: 1, cursor: bad }), JSON.stringify(bad)).rejects.toMatchObject(
            refused,
          );
        }
        expect((await jobs.list("local", { limit: 2, cursor })).jobs).toHaveLength(2);
      });
    });

    describe("listActive", () => {
      test("fails when a job that has not ended is missing, or one that has ended is there", async () => {
        const queued = await put();
        const claim = await put({ owner: "another" });
        const running = await write(claim, claimed(claim, "run"));
        const third = await put();
        await write(await write(third, claimed(third, "run")), succeeded(claimed(third, "run")));
        const fourth = await put();
        await write(fourth, failed(fourth));
        const fifth = await put();
        const canceled = await write(fifth, changed(fifth, { status: "canceled", finishedAt: isoTime(0) }));
        const sixth = await put();
        const ended = await write(sixth, failed(sixth));
        const retried = await write(ended, { ...handedBack(ended), error: null, finishedAt: null });
        const expected = [queued, running, retried];
        expect(idsOf(await active()).toSorted()).toEqual(idsOf(expected).toSorted());
        expect(idsOf(await active(store.opened.other)).toSorted()).toEqual(idsOf(expected).toSorted());
        expect((await active()).find((job) => job.jobId === running.jobId)).toEqual(running);
        expect(canceled.status).toBe("canceled");
      });

      test("fails when jobs are missed because their predecessors end while the list is read", async () => {
        const made = new Set<string>();
        for (let count = 0; count < 120; count++) made.add((await put()).jobId);
        for await (const job of jobs.listActive()) {
          expect(made.delete(job.jobId)).toBe(true);
          await write(job, failed(job));
        }
        expect([...made]).toEqual([]);
        expect(await active()).toEqual([]);
      });
    });

    describe("listDue", () => {
      const due = async (now: number, store = jobs): Promise<string[]> => {
        const found: Job[] = [];
        for await (const job of store.listDue(now)) found.push(job);
        return idsOf(found).toSorted();
      };

      test("fails when a job is not listed from its due time on, in whatever state it is", async () => {
        const leader = { reason: "cache", jobId: "leader", since: isoTime(0), next: "…" } as const;
        const second = await put();
        const third = await put();
        const fourth = await put();
        const fifth = await put();
        const standing = [
          await put({ owner: "another" }),
          await write(second, claimed(second, "run")),
          await write(third, changed(third, { phase: "launching", launchedAt: isoTime(Date.now()) })),
          await write(fourth, changed(fourth, { nextLaunchAt: isoTime(Date.now() + 7_000) })),
          await write(fifth, changed(fifth, { waitsFor: leader })),
          await putAged(0, { updatedAt: isoTime(Date.now() + 9_000), launchNumber: 3 }),
        ];
        for (const job of standing) {
          const dueAt = dueTimeOf(job) ?? Number.NaN;
          expect(await due(dueAt - 1), `${job.jobId} early`).not.toContain(job.jobId);
          expect(await due(dueAt), `${job.jobId} late`).toContain(job.jobId);
          expect(await due(dueAt, store.opened.other)).toContain(job.jobId);
        }
        expect(await due(Number.MAX_SAFE_INTEGER)).toEqual(idsOf(standing).toSorted());
      });

      test("fails when a job is due after it has ended, or not due again once it was retried or asked to stop", async () => {
        const job = await put();
        const running = await write(job, claimed(job, "run"));
        const asked = await write(running, changed(running, { cancelRequestedAt: isoTime(5_000) }));
        expect(await due(5_000)).toEqual([job.jobId]);
        const ended = await write(asked, failed(asked));
        expect(await due(Number.MAX_SAFE_INTEGER)).toEqual([]);
        const retried = await write(ended, {
          ...handedBack(ended),
          error: null,
          finishedAt: null,
          cancelRequestedAt: null,
        });
        expect(await due((dueTimeOf(retried) ?? 0) - 1)).toEqual([]);
        expect(await due(dueTimeOf(retried) ?? 0)).toEqual([job.jobId]);
      });

      test("fails when due jobs are missed or doubled because others change while the list is read", async () => {
        const made = new Set<string>();
        for (let count = 0; count < 120; count++)
          made.add((await put({ cancelRequestedAt: isoTime(count % 3) })).jobId);
        for await (const job of jobs.listDue(Date.now())) {
          expect(made.delete(job.jobId)).toBe(true);
          await write(job, changed(job, { cancelRequestedAt: null }));
        }
        expect([...made]).toEqual([]);
        expect(await due(Date.now())).toEqual([]);
      });
    });

    describe("listWaitingFor", () => {
      const waitsFor = (jobId: string) => ({ reason: "input", jobId, since: isoTime(0), next: "…" }) as const;

      test("fails when waiting jobs are missing, out of order, or other than those that wait for this job", async () => {
        const second = await putAged(2, { waitsFor: waitsFor("leader") });
        const first = await putAged(1, { waitsFor: { ...waitsFor("leader"), reason: "cache" } });
        await putAged(3, { waitsFor: waitsFor("another") });
        await putAged(4);
        const third = await putAged(5);
        const noted = await write(third, changed(third, { waitsFor: waitsFor("leader") }));
        expect(await jobs.listWaitingFor({ owner: "local", jobId: "leader" })).toEqual([first, second, noted]);
        await write(first, changed(first, { waitsFor: null }));
        await write(second, failed(second));
        expect(await jobs.listWaitingFor({ owner: "local", jobId: "leader" })).toEqual([noted]);
        expect(await jobs.listWaitingFor({ owner: "local", jobId: "nobody" })).toEqual([]);
      });
    });
  });
}
