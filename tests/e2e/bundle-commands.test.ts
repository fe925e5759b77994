import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, test } from "vitest";
import { type FunctionName, functionNames } from "../../config/function-names.ts";
import { permissionsOf } from "../../config/permissions.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** Commands whose names are not those of their actions, and what else they ask for. */
const actionsOfCommand: Readonly<Record<string, readonly string[]>> = {
  "s3:HeadObject": ["s3:GetObject", "s3:ListBucket"],
  "s3:ListObjectsV2": ["s3:ListBucket"],
  "s3:CreateMultipartUpload": ["s3:PutObject"],
  "s3:UploadPart": ["s3:PutObject"],
  "s3:CompleteMultipartUpload": ["s3:PutObject"],
  "s3:ListMultipartUploads": ["s3:ListBucketMultipartUploads"],
  "s3:ListParts": ["s3:ListMultipartUploadParts"],
  "ecs:RunTask": ["ecs:RunTask", "ecs:TagResource", "iam:PassRole"],
  "lambda:Invoke": ["lambda:InvokeFunction"],
  "eventbridge:PutEvents": ["events:PutEvents"],
  "scheduler:CreateSchedule": ["scheduler:CreateSchedule", "iam:PassRole"],
  // Asked for by what is in it.
  "dynamodb:TransactWriteItems": ["dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"],
};

interface Carried {
  readonly by: readonly FunctionName[];
  readonly actions: readonly string[];
  readonly why: string;
}

const settlers = ["invoker", "task-state", "reconciler", "dead-letters", "uploads"] as const;
/** What a bundle carries and its role does not allow, each with its reason: an adapter comes whole or not at all. */
const carried: readonly Carried[] = [
  {
    by: functionNames,
    actions: ["dynamodb:Scan", "dynamodb:DescribeEndpoints", "s3:CreateSession"],
    why: "the SDK's own: pages of a scan, endpoint discovery, directory buckets; no adapter sends them",
  },
  { by: settlers, actions: ["dynamodb:UpdateItem"], why: "signs of life are given by workers" },
  {
    by: [...settlers, "api"],
    actions: ["s3:PutObject", "s3:AbortMultipartUpload"],
    why: "results are uploaded by workers",
  },
  {
    by: [...settlers, "api"],
    actions: ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility"],
    why: "the queue's mapping receives; only the invoker puts letters aside by itself",
  },
  {
    by: ["status", "stream", "authorizer"],
    actions: [
      "dynamodb:PutItem",
      "dynamodb:UpdateItem",
      "dynamodb:DeleteItem",
      "dynamodb:Query",
      "dynamodb:BatchGetItem",
    ],
    why: "they read jobs or one key, and write nothing but counts",
  },
  { by: ["events"], actions: ["dynamodb:Query"], why: "it is brought what it tells; the table's module comes with it" },
];

/** Of the clients' commands that left something in the bundle; those of lib-dynamodb stand on the client's. */
function readCommands(name: FunctionName): readonly string[] {
  const meta = JSON.parse(readFileSync(join(root, "dist/functions", `${name}.meta.json`), "utf8")) as {
    outputs: Record<string, { inputs: Record<string, { bytesInOutput: number }> }>;
  };
  return Object.values(meta.outputs)
    .flatMap(({ inputs }) => Object.entries(inputs))
    .filter(([, { bytesInOutput }]) => bytesInOutput > 0)
    .flatMap(([path]) => {
      const [, service, command] = /@aws-sdk\/client-([\w-]+)\/dist-es\/commands\/(\w+)Command\.js$/.exec(path) ?? [];
      return service === undefined ? [] : [`${service}:${command}`];
    });
}

beforeAll(() => {
  execFileSync(process.execPath, [join(root, "scripts/build-functions.ts")], { stdio: "pipe" });
}, 120_000);

describe.each(functionNames)("the commands in the bundle of %s", (name) => {
  const granted = new Set<string>(permissionsOf(name).map(({ action }) => action));
  const isCarried = (action: string) =>
    carried.some(({ by, actions }) => by.includes(name) && actions.includes(action));

  test("fails when one may be sent that the role does not allow", () => {
    const commands = readCommands(name);
    expect(commands).not.toEqual([]);
    const asked = commands.flatMap((command) =>
      command === "dynamodb:TransactWriteItems" ? [] : (actionsOfCommand[command] ?? [command]),
    );
    expect(asked.filter((action) => !granted.has(action) && !isCarried(action))).toEqual([]);
  });

  test("fails when the role allows what no command asks for", () => {
    const asked = new Set(readCommands(name).flatMap((command) => actionsOfCommand[command] ?? [command]));
    expect([...granted].filter((action) => !asked.has(action))).toEqual([]);
  });
});
