import { gunzipSync, gzipSync } from "node:zlib";
import {
  ConditionalCheckFailedException,
  DynamoDBClient,
  TransactionCanceledException,
} from "@aws-sdk/client-dynamodb";
import {
  BatchGetCommand,
  DynamoDBDocumentClient,
  QueryCommand,
  type QueryCommandInput,
  TransactWriteCommand,
  type TransactWriteCommandInput,
} from "@aws-sdk/lib-dynamodb";
import { MixdownError } from "../../core/errors.ts";

/** The one table; not an adapter, but what the adapters on it share. */
export interface Table {
  readonly name: string;
  /** Made on first use, one for the process. */
  readonly client: () => DynamoDBDocumentClient;
}

export type Item = Record<string, unknown>;
export interface Key {
  readonly pk: string;
  readonly sk: string;
}
export type Write = NonNullable<TransactWriteCommandInput["TransactItems"]>[number];

let client: DynamoDBDocumentClient | undefined;

export function openTable(name: string): Table {
  return {
    name,
    client: () => {
      client ??= DynamoDBDocumentClient.from(
        // A connection that hangs is given up long before its function is.
        new DynamoDBClient({ requestHandler: { connectionTimeout: 2_000, socketTimeout: 8_000 } }),
        { marshallOptions: { removeUndefinedValues: true } },
      );
      return client;
    },
  };
}

/** Most writes of one transaction (DynamoDB, TransactWriteItems). */
export const transactionWrites = 100;
const batchKeys = 100;
/** Rounds against others that write the same items at the same instant; each of theirs takes milliseconds. */
const conflictRounds = 12;

export const isConditionFailed = (error: unknown): error is ConditionalCheckFailedException =>
  error instanceof ConditionalCheckFailedException;

/**
 * Writes all or nothing.
 * @returns which of the writes had its condition fail; none: everything is written
 * @throws MixdownError `capacity_throttled` when others kept writing the same items
 */
export async function writeTogether(table: Table, writes: readonly Write[]): Promise<readonly number[]> {
  for (let round = 0; ; round++) {
    try {
      await table.client().send(new TransactWriteCommand({ TransactItems: [...writes] }));
      return [];
    } catch (error) {
      if (!(error instanceof TransactionCanceledException)) throw translate(error);
      const codes = (error.CancellationReasons ?? []).map((reason) => reason.Code ?? "None");
      const refused = codes.flatMap((code, index) => (code === "ConditionalCheckFailed" ? [index] : []));
      if (refused.length > 0) return refused;
      const passing = codes.some((code) => /^(TransactionConflict|ThrottlingError|ProvisionedThroughput)/.test(code));
      if (!passing) throw error;
      if (round >= conflictRounds) {
        throw new MixdownError("capacity_throttled", {
          message: `A write to ${table.name} met others' ${conflictRounds} times in a row (${codes.join(", ")}).`,
          cause: error,
        });
      }
      await pause(Math.random() * Math.min(400, 10 * 2 ** round));
    }
  }
}

/** Reads whole items; what is not there is left out. Consistent, in no order. */
export async function readAll(table: Table, keys: readonly Key[]): Promise<readonly Item[]> {
  const found: Item[] = [];
  let waiting: Item[] = keys.map(({ pk, sk }) => ({ pk, sk }));
  for (let round = 0; waiting.length > 0; round++) {
    const now = waiting.slice(0, batchKeys);
    const request = { [table.name]: { Keys: now, ConsistentRead: true } };
    const answer = await table.client().send(new BatchGetCommand({ RequestItems: request }));
    found.push(...(answer.Responses?.[table.name] ?? []));
    // A batch ends early at 16 MB, and where the table is throttled.
    const unread = answer.UnprocessedKeys?.[table.name]?.Keys ?? [];
    waiting = [...unread, ...waiting.slice(batchKeys)];
    if (unread.length === now.length) await pause(Math.random() * Math.min(1_000, 20 * 2 ** round));
  }
  return found;
}

/** Everything that a query finds, page by page. */
export async function* queryAll(
  table: Table,
  input: Omit<QueryCommandInput, "TableName">,
): AsyncGenerator<Item, void, undefined> {
  let start: Item | undefined;
  do {
    const page = await table
      .client()
      .send(new QueryCommand({ TableName: table.name, ...input, ExclusiveStartKey: start }));
    yield* page.Items ?? [];
    start = page.LastEvaluatedKey;
  } while (start !== undefined);
}

export const keyOf = (item: Item): Key => ({ pk: String(item.pk), sk: String(item.sk) });

/** Longer documents are packed: the outputs of a long recording in pieces would not fit into an item else. */
const plainBytes = 32 * 1024;
/** An item holds 400 KiB, its keys and attributes beside the document included. */
const documentBytes = 390 * 1024;

/** A document as one attribute. @throws MixdownError `limit_body` when it does not fit into an item */
export function packDocument(value: unknown): string | Uint8Array {
  const text = JSON.stringify(value);
  if (text.length < plainBytes) return text;
  const packed = gzipSync(text);
  if (packed.length <= documentBytes) return packed;
  throw new MixdownError("limit_body", {
    message: `A document has ${packed.length} bytes packed; the table takes ${documentBytes}; name fewer inputs or make fewer outputs.`,
  });
}

export function unpackDocument<T>(attribute: unknown): T {
  return JSON.parse(typeof attribute === "string" ? attribute : gunzipSync(attribute as Uint8Array).toString()) as T;
}

/** Epoch seconds, as TTL wants them. */
export const ttlOf = (epochMs: number): number => Math.ceil(epochMs / 1_000);

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

function translate(error: unknown): unknown {
  const name = error instanceof Error ? error.name : "";
  if (!/^(ProvisionedThroughputExceeded|RequestLimitExceeded|Throttling|TransactionInProgress)/.test(name))
    return error;
  return new MixdownError("capacity_throttled", {
    message: `The table did not keep up: ${(error as Error).message}`,
    cause: error,
  });
}
