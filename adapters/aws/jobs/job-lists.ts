import { dueTimeOf } from "../../../core/due-time.ts";
import { isTerminal, type Job, jobIdSchema } from "../../../core/job.ts";
import type { JobQuery, JobStore } from "../../../core/ports.ts";
import { openCursor, sealCursor } from "../../../core/sealed-cursor.ts";
import { type Item, type Key, keyOf, queryAll, type Table } from "../table.ts";
import {
  activePartitions,
  duePosition,
  jobKey,
  listPosition,
  monthOf,
  monthPrefix,
  monthsPartition,
  ownerMonthKey,
  readJobs,
  waiterPrefix,
} from "./job-items.ts";

/** Gives the secret that cursors are sealed with; asked once. */
export type CursorKey = () => Promise<Uint8Array>;

/** How many keys are read ahead before their documents are fetched. */
const pieceKeys = 100;

/**
 * Lists on indexes, which follow their table within moments (global indexes are never consistent): what they name is
 * read from the table itself and looked at again.
 */
export function createJobLists(
  table: Table,
  cursorKey: CursorKey | undefined,
): Pick<JobStore, "listActive" | "listDue" | "listWaitingFor" | "list"> {
  const readKey = async (): Promise<Uint8Array> => {
    if (cursorKey === undefined)
      throw new Error("this part of the platform has no key for cursors, so that it lists one page only");
    return cursorKey();
  };

  async function* readActive(until: string): AsyncGenerator<Job> {
    for (let partition = 0; partition < activePartitions; partition++) {
      const found = queryAll(table, {
        IndexName: "GSI2",
        KeyConditionExpression: "GSI2PK = :partition AND GSI2SK < :until",
        ExpressionAttributeValues: { ":partition": `ACTIVE#${partition}`, ":until": until },
      });
      for await (const keys of inPieces(found)) {
        for (const job of await readJobs(table, keys)) if (!isTerminal(job.status)) yield job;
      }
    }
  }

  /** An owner's months that have jobs, newest first. */
  async function listMonths(owner: string): Promise<readonly string[]> {
    const months: string[] = [];
    const found = queryAll(table, {
      KeyConditionExpression: "pk = :owner AND begins_with(sk, :month)",
      ExpressionAttributeValues: { ":owner": monthsPartition(owner), ":month": monthPrefix },
      ScanIndexForward: false,
      ConsistentRead: true,
    });
    for await (const item of found) months.push(String(item.sk).slice(monthPrefix.length));
    return months;
  }

  async function* findListed(owner: string, query: JobQuery, after: string | undefined): AsyncGenerator<Item> {
    const filters = (["status", "kind"] as const).filter((name) => query[name] !== undefined);
    for (const month of await listMonths(owner)) {
      if (after !== undefined && month > monthOf(after)) continue;
      yield* queryAll(table, {
        IndexName: "GSI1",
        KeyConditionExpression: `GSI1PK = :owner${after === undefined ? "" : " AND GSI1SK < :after"}`,
        ...(filters.length === 0
          ? {}
          : { FilterExpression: filters.map((name) => `#${name} = :${name}`).join(" AND ") }),
        ...(filters.length === 0
          ? {}
          : { ExpressionAttributeNames: Object.fromEntries(filters.map((name) => [`#${name}`, name])) }),
        ExpressionAttributeValues: {
          ":owner": ownerMonthKey(owner, month),
          ...(after === undefined ? {} : { ":after": after }),
          ...Object.fromEntries(filters.map((name) => [`:${name}`, query[name]])),
        },
        ScanIndexForward: false,
        // A filter looks at more than it lets through.
        Limit: filters.length === 0 ? query.limit + 1 : Math.max(query.limit + 1, 4 * pieceKeys),
      });
    }
  }

  return {
    listActive: () => readActive("~"),

    async *listDue(now) {
      for await (const job of readActive(duePosition(now + 1))) if ((dueTimeOf(job) ?? Infinity) <= now) yield job;
    },

    async listWaitingFor(ref) {
      const waiters: Item[] = [];
      const found = queryAll(table, {
        KeyConditionExpression: "pk = :leader AND begins_with(sk, :waiter)",
        ExpressionAttributeValues: { ":leader": jobKey(ref).pk, ":waiter": waiterPrefix },
        ConsistentRead: true,
      });
      for await (const item of found) waiters.push(item);
      const keys = waiters.map((item) => jobKey({ owner: ref.owner, jobId: String(item.jobId) }));
      const jobs = await readJobs(table, keys);
      return jobs
        .filter((job) => job.status === "queued" && job.waitsFor?.jobId === ref.jobId)
        .toSorted((a, b) => (listPosition(a) < listPosition(b) ? -1 : 1));
    },

    async list(owner, query) {
      const binding = { owner, status: query.status ?? null, kind: query.kind ?? null };
      const after = query.cursor === undefined ? undefined : parsePosition(await openWith(binding, query.cursor));
      const keys: Key[] = [];
      let last: string | undefined;
      let more = false;
      for await (const item of findListed(owner, query, after)) {
        if (keys.length === query.limit) {
          more = true;
          break;
        }
        keys.push(keyOf(item));
        last = String(item.GSI1SK);
      }
      const jobs = (await readJobs(table, keys))
        // The index may lag behind what stands.
        .filter((job) => (query.status ?? job.status) === job.status)
        .toSorted((a, b) => (listPosition(a) < listPosition(b) ? 1 : -1));
      return { jobs, next: more ? sealCursor(await readKey(), binding, last) : null };
    },
  };

  async function openWith(binding: unknown, cursor: string): Promise<unknown> {
    return openCursor(await readKey(), binding, cursor);
  }
}

/** A sealed position was written here: anything else is a fault of ours. */
function parsePosition(position: unknown): string {
  const text = String(position);
  jobIdSchema.parse(text.slice(text.indexOf("#") + 1));
  return text;
}

async function* inPieces(items: AsyncIterable<Item>): AsyncGenerator<readonly Key[]> {
  let piece: Key[] = [];
  for await (const item of items) {
    piece.push(keyOf(item));
    if (piece.length < pieceKeys) continue;
    yield piece;
    piece = [];
  }
  if (piece.length > 0) yield piece;
}
