import { sha256Hex } from "../../../core/canonical-json.ts";
import { dueTimeOf, forgetTimeOf } from "../../../core/due-time.ts";
import { isTerminal, type Job, type JobRef } from "../../../core/job.ts";
import { limits } from "../../../core/limits.ts";
import type { RunPulse } from "../../../core/ports.ts";
import { type Item, type Key, packDocument, readAll, type Table, ttlOf, unpackDocument } from "../table.ts";

/** Partitions of what is not terminal; enough for 16,000 changes a second. */
export const activePartitions = 16;

const partitionOf = (ref: JobRef): string => `JOB#${ref.owner}#${ref.jobId}`;

export const jobKey = (ref: JobRef): Key => ({ pk: partitionOf(ref), sk: "JOB" });
export const pulseKey = (ref: JobRef): Key => ({ pk: partitionOf(ref), sk: "PROGRESS" });
export const idempotencyKeyOf = (owner: string, key: string): Key => ({
  pk: `IDEMPOTENCY#${owner}#${sha256Hex(key)}`,
  sk: "IDEMPOTENCY",
});
/** Beside its leader, oldest first; there exactly while the job waits for it. */
export const waiterPrefix = "WAITER#";
export const waiterKey = (job: Job, leaderId: string): Key => ({
  pk: partitionOf({ owner: job.owner, jobId: leaderId }),
  sk: `${waiterPrefix}${job.createdAt}#${job.jobId}`,
});

export const ownerMonthKey = (owner: string, month: string): string => `OWNER#${owner}#JOB#${month}`;
export const monthOf = (createdAt: string): string => createdAt.slice(0, 7);
/** Which months an owner has jobs in: a list goes from one to the next before. */
export const monthsPartition = (owner: string): string => `OWNER#${owner}`;
export const monthPrefix = "MONTH#";

export const listPosition = (job: Pick<Job, "createdAt" | "jobId">): string => `${job.createdAt}#${job.jobId}`;
/** Sorts as text like the number does. */
export const duePosition = (epochMs: number): string => String(epochMs).padStart(16, "0");

const activeKey = (ref: JobRef): string =>
  `ACTIVE#${Number.parseInt(sha256Hex(partitionOf(ref)).slice(0, 8), 16) % activePartitions}`;

/** What conditions ask for stands beside the document; the document is the truth. */
export function buildJobItem(job: Job): Item {
  const dueAt = dueTimeOf(job);
  const forgetAt = forgetTimeOf(job);
  return {
    ...jobKey(job),
    ...conditionFields(job),
    kind: job.kind,
    GSI1PK: ownerMonthKey(job.owner, monthOf(job.createdAt)),
    GSI1SK: listPosition(job),
    ...(dueAt === null || isTerminal(job.status)
      ? {}
      : { GSI2PK: activeKey(job), GSI2SK: `${duePosition(dueAt)}#${job.jobId}` }),
    ...(forgetAt === null ? {} : { ttl: ttlOf(forgetAt) }),
    document: packDocument(job),
  };
}

/** All that `findIllegalChange` looks at in what stands: who names these rightly has named what stands there. */
const conditionFields = (job: Job) => ({
  version: job.version,
  status: job.status,
  attempt: job.attempt,
  runId: job.runId ?? "",
  payloadHash: job.payloadHash,
  createdAt: job.createdAt,
});

/** The condition that exactly `before` stands there. */
export function buildStandsCondition(before: Job) {
  const fields = Object.entries(conditionFields(before));
  return {
    ConditionExpression: fields.map(([name]) => `#${name} = :${name}`).join(" AND "),
    ExpressionAttributeNames: Object.fromEntries(fields.map(([name]) => [`#${name}`, name])),
    ExpressionAttributeValues: Object.fromEntries(fields.map(([name, value]) => [`:${name}`, value])),
  };
}

export function buildPulseItem(ref: JobRef, pulse: RunPulse): Item {
  const { runId, phase, progress, at } = pulse;
  return { ...pulseKey(ref), runId, phase, percent: progress.percent, etaSeconds: progress.etaSeconds, at };
}

export const parseJob = (item: Item): Job => unpackDocument<Job>(item.document);

export const parsePulse = (item: Item): RunPulse => ({
  runId: String(item.runId),
  phase: item.phase as RunPulse["phase"],
  progress: { percent: Number(item.percent), etaSeconds: item.etaSeconds as number | null },
  at: Number(item.at),
});

/** The job as it is seen: with what its run said last. */
export function withPulse(job: Job, item: Item | undefined): Job {
  if (job.status !== "running" || item === undefined || item.runId !== job.runId) return job;
  const { phase, progress } = parsePulse(item);
  return { ...job, phase, progress };
}

export function buildIdempotencyItem(job: JobRef, key: string, now: number): Item {
  const expiresAt = now + limits.idempotencyMs;
  return { ...idempotencyKeyOf(job.owner, key), jobId: job.jobId, expiresAt, ttl: ttlOf(expiresAt) };
}

/** Jobs by the keys of their items, consistent, with their pulses; in no order. */
export async function readJobs(table: Table, keys: readonly Key[]): Promise<readonly Job[]> {
  const jobs = (await readAll(table, keys)).map(parseJob);
  const running = jobs.filter((job) => job.status === "running");
  const pulses = new Map((await readAll(table, running.map(pulseKey))).map((item) => [String(item.pk), item]));
  return jobs.map((job) => withPulse(job, pulses.get(partitionOf(job))));
}
