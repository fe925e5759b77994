import { GetCommand, PutCommand, UpdateCommand } from "@aws-sdk/lib-dynamodb";
import { findBrokenShape, findIllegalChange } from "../../../core/arrows.ts";
import { MixdownError } from "../../../core/errors.ts";
import { buildJobEvent } from "../../../core/events.ts";
import type { Job, JobRef } from "../../../core/job.ts";
import type { Permission } from "../../../core/permission.ts";
import type { Clock, JobStore } from "../../../core/ports.ts";
import { buildOutboxWrite } from "../outbox.ts";
import { type Item, isConditionFailed, queryAll, type Table, type Write, writeTogether } from "../table.ts";
import {
  buildIdempotencyItem,
  buildJobItem,
  buildPulseItem,
  buildStandsCondition,
  idempotencyKeyOf,
  jobKey,
  monthOf,
  monthPrefix,
  monthsPartition,
  parseJob,
  parsePulse,
  pulseKey,
  waiterKey,
  withPulse,
} from "./job-items.ts";
import { type CursorKey, createJobLists } from "./job-lists.ts";

export const jobStorePermissions: readonly Permission[] = (
  ["GetItem", "BatchGetItem", "Query", "PutItem", "UpdateItem", "DeleteItem"] as const
).map((name) => ({ action: `dynamodb:${name}`, resource: "table" }));

/** Each round lost means that another made, or forgot, what stands in the way. */
const maxRounds = 20;

/**
 * Jobs in the single table. A change of a job, its event, the pulse that it begins or ends and its place among those
 * that wait are one transaction.
 *
 * @param cursorKey for whoever lists in pages
 */
export function createDynamoJobStore(table: Table, clock: Clock, cursorKey?: CursorKey): JobStore {
  const put = (item: Item, condition = {}): Write => ({ Put: { TableName: table.name, Item: item, ...condition } });
  const remove = (Key: Item): Write => ({ Delete: { TableName: table.name, Key } });

  async function readWithPulse(ref: JobRef): Promise<{ job: Job; pulse: Item | undefined } | undefined> {
    // One query for both: they lie side by side.
    const items = queryAll(table, {
      KeyConditionExpression: "pk = :pk AND sk BETWEEN :job AND :pulse",
      ExpressionAttributeValues: { ":pk": jobKey(ref).pk, ":job": jobKey(ref).sk, ":pulse": pulseKey(ref).sk },
      ConsistentRead: true,
    });
    const found = new Map<unknown, Item>();
    for await (const item of items) found.set(item.sk, item);
    const item = found.get("JOB");
    return item === undefined ? undefined : { job: parseJob(item), pulse: found.get("PROGRESS") };
  }

  async function get(ref: JobRef): Promise<Job | undefined> {
    const found = await readWithPulse(ref);
    return found === undefined ? undefined : withPulse(found.job, found.pulse);
  }

  async function getByKey(owner: string, key: string): Promise<Job | undefined> {
    const { Item: item } = await table
      .client()
      .send(new GetCommand({ TableName: table.name, Key: idempotencyKeyOf(owner, key), ConsistentRead: true }));
    // TTL takes its time; until then what has expired still stands there.
    if (item === undefined || Number(item.expiresAt) <= clock.now()) return undefined;
    return get({ owner, jobId: String(item.jobId) });
  }

  const rememberKey = (ref: JobRef, key: string): Write => {
    const now = clock.now();
    return put(buildIdempotencyItem(ref, key, now), {
      ConditionExpression: "attribute_not_exists(pk) OR expiresAt <= :now",
      ExpressionAttributeValues: { ":now": now },
    });
  };

  const announce = (before: Job | undefined, after: Job): Write[] => {
    const event = buildJobEvent(before, after);
    return event === undefined ? [] : [buildOutboxWrite(table.name, event)];
  };

  const moveWaiter = (before: Job | undefined, after: Job): Write[] => {
    const [was, is] = [before?.waitsFor?.jobId, after.waitsFor?.jobId];
    if (was === is) return [];
    return [
      ...(was === undefined ? [] : [remove({ ...waiterKey(after, was) })]),
      ...(is === undefined ? [] : [put({ ...waiterKey(after, is), jobId: after.jobId })]),
    ];
  };

  /** A claim begins its run's pulse; a run that no longer holds its job has none, so that it cannot pulse. */
  const movePulse = (before: Job, after: Job): Write[] => {
    if (before.status === "running" && after.status !== "running") return [remove({ ...pulseKey(after) })];
    if (before.status === "running" || after.status !== "running" || after.runId === null) return [];
    const { runId, phase, progress } = after;
    const pulse = { runId, phase, progress: { percent: progress.percent, etaSeconds: null }, at: clock.now() };
    return [put(buildPulseItem(after, pulse))];
  };

  const knownMonths = new Set<string>();
  /** Before the job itself: a month without jobs does no harm, a job in no month would not be listed. */
  async function rememberMonth(job: Job): Promise<void> {
    const item = { pk: monthsPartition(job.owner), sk: monthPrefix + monthOf(job.createdAt) };
    const name = `${item.pk} ${item.sk}`;
    if (knownMonths.has(name)) return;
    await table.client().send(new PutCommand({ TableName: table.name, Item: item }));
    knownMonths.add(name);
  }

  return {
    ...createJobLists(table, cursorKey),
    get,

    async create(job, idempotencyKey) {
      const broken = findBrokenShape(job);
      if (broken !== null || job.version !== 1) throw illegal(job, broken ?? "a new job has version 1");
      await rememberMonth(job);
      for (let round = 0; round < maxRounds; round++) {
        const refused = await writeTogether(table, [
          put(buildJobItem(job), { ConditionExpression: "attribute_not_exists(pk)" }),
          ...(idempotencyKey === undefined ? [] : [rememberKey(job, idempotencyKey)]),
          ...announce(undefined, job),
          ...moveWaiter(undefined, job),
        ]);
        if (refused.length === 0) return { job, created: true };
        const byKey = idempotencyKey === undefined ? undefined : await getByKey(job.owner, idempotencyKey);
        const byId = await get(job);
        for (const standing of [byKey, byId]) {
          if (standing !== undefined && standing.payloadHash !== job.payloadHash) throw mismatch(job, idempotencyKey);
        }
        const standing = byKey ?? byId;
        if (standing === undefined) continue;
        const known = idempotencyKey === undefined || byKey !== undefined;
        if (known || (await writeTogether(table, [rememberKey(standing, idempotencyKey)])).length === 0) {
          return { job: standing, created: false };
        }
      }
      throw new Error(`job ${job.jobId} was made and unmade by others ${maxRounds} times in a row`);
    },

    async update(before, after) {
      const reason = findIllegalChange(before, after);
      if (reason !== null) throw illegal(after, reason);
      const refused = await writeTogether(table, [
        put(buildJobItem(after), buildStandsCondition(before)),
        ...movePulse(before, after),
        ...moveWaiter(before, after),
        ...announce(before, after),
      ]);
      return refused.length === 0;
    },

    async recordPulse(ref, pulse) {
      const { percent, etaSeconds } = pulse.progress;
      const write = (set: string, condition: string, names: Record<string, string>, values: Item) =>
        table.client().send(
          new UpdateCommand({
            TableName: table.name,
            Key: pulseKey(ref),
            UpdateExpression: `SET phase = :phase, etaSeconds = :eta, #at = :at${set}`,
            ConditionExpression: `runId = :run${condition}`,
            ExpressionAttributeNames: { "#at": "at", ...names },
            ExpressionAttributeValues: {
              ":phase": pulse.phase,
              ":eta": etaSeconds,
              ":at": pulse.at,
              ":run": pulse.runId,
              ...values,
            },
            ReturnValuesOnConditionCheckFailure: "ALL_OLD",
          }),
        );
      try {
        await write(
          ", #percent = :percent",
          " AND #percent <= :percent",
          { "#percent": "percent" },
          { ":percent": percent },
        );
        return true;
      } catch (error) {
        if (!isConditionFailed(error)) throw error;
        if (error.Item?.runId?.S !== pulse.runId) return false;
      }
      try {
        // Late, and of this run: a sign of life all the same.
        await write("", "", {}, {});
        return true;
      } catch (error) {
        if (isConditionFailed(error)) return false;
        throw error;
      }
    },

    async getPulse(ref) {
      const found = await readWithPulse(ref);
      if (found?.job.status !== "running" || found.pulse?.runId !== found.job.runId) return undefined;
      return parsePulse(found.pulse as Item);
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
