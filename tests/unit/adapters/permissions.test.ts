import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import type { Permission } from "../../../core/permission.ts";

const root = fileURLToPath(new URL("../../../adapters/aws/", import.meta.url));

/** What a line of an adapter needs: its commands as IAM knows them, and what the shared modules do for it. */
const needs: readonly (readonly [RegExp, readonly string[]])[] = [
  [/new GetCommand\(/, ["dynamodb:GetItem"]],
  [/new PutCommand\(|\bPut: \{/, ["dynamodb:PutItem"]],
  [/new UpdateCommand\(|\bUpdate: \{/, ["dynamodb:UpdateItem"]],
  [/new DeleteCommand\(|\bDelete: \{/, ["dynamodb:DeleteItem"]],
  [/\bqueryAll\(/, ["dynamodb:Query"]],
  [/\breadAll\(/, ["dynamodb:BatchGetItem"]],
  [/\bbuildOutboxWrite\(/, ["dynamodb:PutItem"]],
  [/new GetObjectCommand\(|\bheadObject\(/, ["s3:GetObject"]],
  // Without it S3 answers 403 for what is not there.
  [/\bheadObject\(|new ListObjectsV2Command\(/, ["s3:ListBucket"]],
  [/new (PutObject|CreateMultipartUpload|UploadPart|CompleteMultipartUpload)Command\(/, ["s3:PutObject"]],
  [/\bcreatePresignedPost\(/, ["s3:PutObject"]],
  [/new DeleteObjectCommand\(/, ["s3:DeleteObject"]],
  [/new AbortMultipartUploadCommand\(/, ["s3:AbortMultipartUpload"]],
  [/new ListPartsCommand\(/, ["s3:ListMultipartUploadParts"]],
  [/new ListMultipartUploadsCommand\(/, ["s3:ListBucketMultipartUploads"]],
  [/new SendMessageCommand\(/, ["sqs:SendMessage"]],
  [/new ReceiveMessageCommand\(/, ["sqs:ReceiveMessage"]],
  [/new DeleteMessageCommand\(/, ["sqs:DeleteMessage"]],
  [/new ChangeMessageVisibilityCommand\(/, ["sqs:ChangeMessageVisibility"]],
  [/new RunTaskCommand\(/, ["ecs:RunTask", "iam:PassRole"]],
  [/propagateTags/, ["ecs:TagResource"]],
  [/new DescribeTasksCommand\(/, ["ecs:DescribeTasks"]],
  [/new StopTaskCommand\(/, ["ecs:StopTask"]],
  [/new InvokeCommand\(/, ["lambda:InvokeFunction"]],
  [/new PutEventsCommand\(/, ["events:PutEvents"]],
  [/new CreateScheduleCommand\(/, ["scheduler:CreateSchedule", "iam:PassRole"]],
  [/new DeleteScheduleCommand\(/, ["scheduler:DeleteSchedule"]],
  [/new GetParameterCommand\(/, ["ssm:GetParameter"]],
];
/** What an event source mapping asks for in its function's name, on a queue that an adapter reads by hand. */
const alsoExported: Readonly<Record<string, readonly string[]>> = { "job-queue.ts": ["sqs:GetQueueAttributes"] };
const shared = new Set(["table.ts", "outbox.ts", "buckets.ts"]);

const adapters = readdirSync(root).filter((name) => !shared.has(name));

function filesOf(name: string): readonly string[] {
  const path = join(root, name);
  return statSync(path).isDirectory() ? readdirSync(path).map((file) => join(path, file)) : [path];
}

async function exportedBy(name: string): Promise<ReadonlySet<string>> {
  const tables: Permission[] = [];
  for (const path of filesOf(name)) {
    const module = (await import(path)) as Record<string, unknown>;
    for (const [key, value] of Object.entries(module)) {
      if (key.endsWith("Permissions")) tables.push(...(value as readonly Permission[]));
    }
  }
  return new Set(tables.map((permission) => permission.action));
}

test.each(adapters)("fails when %s may do more or less than its commands need", async (name) => {
  const text = filesOf(name)
    .map((path) => readFileSync(path, "utf8"))
    .join("\n");
  const needed = needs.flatMap(([pattern, actions]) => (pattern.test(text) ? actions : []));
  expect(needed).not.toEqual([]);
  const expected = new Set([...needed, ...(alsoExported[name] ?? [])]);
  expect([...(await exportedBy(name))].toSorted()).toEqual([...expected].toSorted());
});

test("fails when an adapter sends a command that this test does not know", () => {
  const known = needs.map(([pattern]) => pattern);
  const unknown = adapters.flatMap(filesOf).flatMap((path) =>
    [...readFileSync(path, "utf8").matchAll(/new \w+Command\(/g)]
      .map(([call]) => call)
      .filter((call) => !known.some((pattern) => pattern.test(call)))
      .map((call) => `${path}: ${call}`),
  );
  expect(unknown).toEqual([]);
});
