import { setImmediate as otherWork } from "node:timers/promises";
import { findBrokenShape, findIllegalChange } from "../../core/arrows.ts";
import { canonicalJson, sha256Hex } from "../../core/canonical-json.ts";
import { dueTimeOf, forgetTimeOf } from "../../core/due-time.ts";
import { MixdownError } from "../../core/errors.ts";
import { buildJobEvent } from "../../core/events.ts";
import { isTerminal, type Job, type JobPhase, type JobRef } from "../../core/job.ts";
import { limits } from "../../core/limits.ts";
import type { Clock, JobQuery, JobStore, RunPulse } from "../../core/ports.ts";
import type { Database } from "./database.ts";

interface PulseRow {
  run_id: string;
  phase: JobPhase;
  percent: number;
  eta_seconds: number | null;
  at: number;
}

/** Where a list that is read in pieces goes on. */
interface Position {
  readonly at: number;
  readonly row: number;
}

const rowsBetweenOtherWork = 10;

/** What is written beside the document, in the order of the statements. */
const columnsOf = (job: Job) =>
  [
    job.version,
    job.status,
    Number(!isTerminal(job.status)),
    job.waitsFor?.jobId ?? null,
    dueTimeOf(job),
    forgetTimeOf(job),
    JSON.stringify(job),
  ] as const;

/** Jobs on SQLite. The document is the truth; columns repeat what is asked for. */
export function createSqliteJobStore(database: Database, clock: Clock): JobStore {
  const parse = (row: unknown): Job => JSON.parse((row as { document: string }).document);

  const read = (ref: JobRef): Job | undefined => {
    const row = database.prepare("SELECT document FROM jobs WHERE owner = ? AND job_id = ?").get(ref.owner, ref.jobId);
    return row === undefined ? undefined : parse(row);
  };
  const readPulse = (ref: JobRef): PulseRow | undefined =>
    database.prepare("SELECT * FROM pulses WHERE owner = ? AND job_id = ?").get(ref.owner, ref.jobId) as
      | PulseRow
      | undefined;

  const withPulse = (job: Job): Job => {
    const pulse = job.status === "running" ? readPulse(job) : undefined;
    if (pulse === undefined || pulse.run_id !== job.runId) return job;
    return { ...job, phase: pulse.phase, progress: { percent: pulse.percent, etaSeconds: pulse.eta_seconds } };
  };

  const announce = (before: Job | undefined, after: Job): void => {
    const event = buildJobEvent(before, after);
    if (event === undefined) return;
    database.prepare("INSERT INTO events (id, event) VALUES (?, ?)").run(event.id, JSON.stringify(event));
  };

  const readByKey = (owner: string, key: string): Job | undefined => {
    const known = database
      .prepare("SELECT job_id FROM idempotency_keys WHERE owner = ? AND key = ? AND expires_at > ?")
      .get(owner, key, clock.now()) as { job_id: string } | undefined;
    return known === undefined ? undefined : read({ owner, jobId: known.job_id });
  };

  const rememberKey = (job: Job, key: string): void => {
    const now = clock.now();
    database
      .prepare(
        `INSERT INTO idempotency_keys VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE
           SET job_id = excluded.job_id, expires_at = excluded.expires_at WHERE expires_at <= ?`,
      )
      .run(job.owner, key, job.jobId, now + limits.idempotencyMs, now);
  };

  async function* readPieces(last: Position, read: (last: Position) => unknown[]): AsyncGenerator<Job> {
    for (;;) {
      const rows = read(last) as (Position & { document: string })[];
      for (const [index, row] of rows.entries()) {
        // SQLite answers without waiting: a long list would keep every request of the process from being heard.
        if (index % rowsBetweenOtherWork === 0) await otherWork();
        yield withPulse(parse(row));
      }
      const end = rows.at(-1);
      if (end === undefined) return;
      last = end;
    }
  }

  return {
    async create(job, idempotencyKey) {
      const broken = findBrokenShape(job);
      if (broken !== null || job.version !== 1) throw illegal(job, broken ?? "a new job has version 1");
      return database.commit(() => {
        const byKey = idempotencyKey === undefined ? undefined : readByKey(job.owner, idempotencyKey);
        const byId = read(job);
        for (const standing of [byKey, byId]) {
          if (standing !== undefined && standing.payloadHash !== job.payloadHash) throw mismatch(job, idempotencyKey);
        }
        const standing = byKey ?? byId;
        if (idempotencyKey !== undefined) rememberKey(standing ?? job, idempotencyKey);
        if (standing !== undefined) return { job: withPulse(standing), created: false };
        database
          .prepare(
            `INSERT INTO jobs (owner, job_id, kind, created_at, version, status, active, waits_for, due_at, forget_at, document)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
          )
          .run(job.owner, job.jobId, job.kind, job.createdAt, ...columnsOf(job));
        announce(undefined, job);
        return { job, created: true };
      });
    },

    async get(ref) {
      const job = read(ref);
      return job === undefined ? undefined : withPulse(job);
    },

    async update(before, after) {
      const reason = findIllegalChange(before, after);
      if (reason !== null) throw illegal(after, reason);
      return database.commit(() => {
        const standing = read(before);
        if (standing?.version !== before.version) return false;
        // The caller's word for what stands there is not enough.
        const fault = findIllegalChange(standing, after);
        if (fault !== null) throw illegal(after, fault);
        database
          .prepare(
            `UPDATE jobs SET version = ?, status = ?, active = ?, waits_for = ?, due_at = ?, forget_at = ?, document = ?
             WHERE owner = ? AND job_id = ? AND version = ?`,
          )
          .run(...columnsOf(after), after.owner, after.jobId, standing.version);
        if (standing.status === "queued" && after.status === "running" && after.runId !== null) {
          database
            .prepare("INSERT OR REPLACE INTO pulses VALUES (?, ?, ?, ?, ?, ?, ?)")
            .run(after.owner, after.jobId, after.runId, after.phase, after.progress.percent, null, clock.now());
        }
        if (standing.status === "running" && after.status !== "running") {
          database.prepare("DELETE FROM pulses WHERE owner = ? AND job_id = ?").run(after.owner, after.jobId);
        }
        announce(standing, after);
        return true;
      });
    },

    async recordPulse(ref, pulse) {
      // One statement: the run is looked at and written in one. Percent never goes down inside a run.
      const { changes } = database
        .prepare(
          `UPDATE pulses SET phase = ?, percent = max(percent, ?), eta_seconds = ?, at = ?
           WHERE owner = ? AND job_id = ? AND run_id = ? AND EXISTS (
             SELECT 1 FROM jobs WHERE jobs.owner = pulses.owner AND jobs.job_id = pulses.job_id
               AND status = 'running' AND document ->> '$.runId' = pulses.run_id)`,
        )
        .run(
          pulse.phase,
          pulse.progress.percent,
          pulse.progress.etaSeconds,
          pulse.at,
          ref.owner,
          ref.jobId,
          pulse.runId,
        );
      return changes === 1;
    },

    async getPulse(ref) {
      const job = read(ref);
      const row = job?.status === "running" ? readPulse(ref) : undefined;
      if (row === undefined || row.run_id !== job?.runId) return undefined;
      const progress = { percent: row.percent, etaSeconds: row.eta_seconds };
      return { runId: row.run_id, phase: row.phase, progress, at: row.at } satisfies RunPulse;
    },

    // By row, in pieces: what is read stays the same while the caller changes jobs between two of them.
    listActive: () =>
      readPieces({ at: 0, row: 0 }, (last) =>
        database
          .prepare(
            "SELECT 0 AS at, rowid AS row, document FROM jobs WHERE active = 1 AND rowid > ? ORDER BY rowid LIMIT 100",
          )
          .all(last.row),
      ),

    listDue: (now) =>
      readPieces({ at: -1, row: 0 }, (last) =>
        database
          .prepare(
            `SELECT due_at AS at, rowid AS row, document FROM jobs
             WHERE due_at <= ? AND (due_at, rowid) > (?, ?) ORDER BY due_at, rowid LIMIT 100`,
          )
          .all(now, last.at, last.row),
      ),

    async listWaitingFor(ref) {
      return database
        .prepare(
          // Left to itself SQLite takes the index that spares it the sorting, and reads all jobs of the owner at each end.
          `SELECT document FROM jobs INDEXED BY jobs_waiting WHERE owner = ? AND waits_for = ? AND status = 'queued'
           ORDER BY created_at, job_id`,
        )
        .all(ref.owner, ref.jobId)
        .map(parse);
    },

    async list(owner, query) {
      const after = parseCursor(owner, query);
      const rows = database
        .prepare(
          `SELECT document FROM jobs WHERE owner = ? AND (? IS NULL OR status = ?) AND (? IS NULL OR kind = ?)
             AND (created_at, job_id) < (?, ?)
           ORDER BY created_at DESC, job_id DESC LIMIT ?`,
        )
        .all(
          owner,
          query.status ?? null,
          query.status ?? null,
          query.kind ?? null,
          query.kind ?? null,
          after.createdAt,
          after.jobId,
          query.limit + 1,
        );
      const jobs = rows.slice(0, query.limit).map((row) => withPulse(parse(row)));
      const last = jobs.at(-1);
      return { jobs, next: rows.length > query.limit && last !== undefined ? buildCursor(owner, query, last) : null };
    },
  };
}

const illegal = (job: Job, reason: string): MixdownError =>
  new MixdownError("platform_internal", { message: `Refused to write job ${job.jobId}: ${reason}.`, retryable: false });

function mismatch(job: Job, idempotencyKey: string | undefined): MixdownError {
  const what = idempotencyKey === undefined ? `Job id ${job.jobId}` : `Job id ${job.jobId} or the idempotency key`;
  return new MixdownError("idempotency_mismatch", {
    message: `${what} was used before for another request; use a new one for a new request.`,
  });
}

const bindingOf = (owner: string, query: JobQuery): string =>
  sha256Hex(canonicalJson([owner, query.status ?? null, query.kind ?? null])).slice(0, 16);

const buildCursor = (owner: string, query: JobQuery, last: Job): string =>
  Buffer.from(JSON.stringify([bindingOf(owner, query), last.createdAt, last.jobId])).toString("base64url");

/** The position after which a page begins. U+FFFF sorts behind every time. */
function parseCursor(owner: string, query: JobQuery): { createdAt: string; jobId: string } {
  if (query.cursor === undefined) return { createdAt: "\uffff", jobId: "" };
  try {
    const bytes = Buffer.from(query.cursor, "base64url");
    const [binding, createdAt, jobId] = JSON.parse(bytes.toString()) as unknown[];
    // Decoding skips over what is no base64url.
    const whole = bytes.toString("base64url") === query.cursor;
    if (whole && binding === bindingOf(owner, query) && typeof createdAt === "string" && typeof jobId === "string") {
      return { createdAt, jobId };
    }
  } catch {
    // Falls through: whatever it is, we did not make it.
  }
  throw new MixdownError("invalid_cursor", {
    message: "The cursor is not one of this list; start again from the first page.",
  });
}
