import type { IncomingHttpHeaders } from "node:http";
import type { PermissionResource } from "../../../core/permission.ts";

/** One request to AWS as it went over the wire. */
export interface Call {
  readonly method: string;
  readonly url: URL;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** What buckets and queues of a rig are in the permissions' table: by name of the bucket, by URL's end of the queue. */
export type Names = Readonly<Record<string, PermissionResource>>;

/**
 * The permissions that IAM would ask for one request, as `action resource`.
 * @throws when nobody has said yet what that request is
 */
export function readActions(call: Call, names: Names): readonly string[] {
  const target = call.headers["x-amz-target"];
  if (typeof target === "string") return readTarget(target, JSON.parse(call.body.toString()), names);
  const { method, url } = call;
  if (/^\/2015-03-31\/functions\/[^/]+\/invocations$/.test(url.pathname))
    return ["lambda:InvokeFunction worker-function"];
  if (url.pathname.startsWith("/schedules/")) {
    if (method === "POST") return ["scheduler:CreateSchedule schedules", "iam:PassRole scheduler-role"];
    if (method === "DELETE") return ["scheduler:DeleteSchedule schedules"];
  }
  const action = readS3(call, names);
  // What is not there is answered 403 to who may not list.
  return method === "HEAD" ? [action, `${action.replace("GetObject", "ListBucket")}-bucket`] : [action];
}

const transacted: Readonly<Record<string, string>> = {
  Put: "dynamodb:PutItem",
  Update: "dynamodb:UpdateItem",
  Delete: "dynamodb:DeleteItem",
  ConditionCheck: "dynamodb:ConditionCheckItem",
  Get: "dynamodb:GetItem",
};

function readTarget(target: string, body: Readonly<Record<string, unknown>>, names: Names): readonly string[] {
  const [service = "", operation = ""] = target.split(".");
  if (service.startsWith("DynamoDB_")) {
    // A transaction is asked for by what is in it.
    const items = body.TransactItems as readonly Readonly<Record<string, unknown>>[] | undefined;
    if (items === undefined) return [`dynamodb:${operation} table`];
    return items.flatMap((item) => Object.keys(item).map((kind) => `${transacted[kind] ?? `dynamodb:${kind}`} table`));
  }
  switch (service) {
    case "AmazonSQS":
      return [`sqs:${operation} ${named(String(body.QueueUrl).split("/").at(-1) ?? "", names)}`];
    case "AmazonEC2ContainerServiceV20141113":
      if (operation === "RunTask") {
        return ["ecs:RunTask task-definitions", "ecs:TagResource tasks", "iam:PassRole task-roles"];
      }
      return [`ecs:${operation} tasks`];
    case "AWSEvents":
      return [`events:${operation} bus`];
    case "AmazonSSM":
      return [`ssm:${operation} parameters`];
    default:
      throw new Error(`what is ${target}?`);
  }
}

function named(name: string, names: Names): PermissionResource {
  const found = names[name];
  if (found === undefined) throw new Error(`what is ${JSON.stringify(name)}?`);
  return found;
}

/** By path style: `/bucket/key`. */
function readS3({ method, url, headers }: Call, names: Names): string {
  const [, bucketName = "", ...key] = decodeURIComponent(url.pathname).split("/");
  const bucket = named(bucketName, names);
  const query = url.searchParams;
  if (headers["x-amz-copy-source"] !== undefined) throw new Error("a copy reads and writes");
  if (key.join("/") === "") {
    // A form that a browser posts.
    if (method === "POST" && !query.has("delete")) return `s3:PutObject ${bucket}`;
    if (method === "GET")
      return `s3:${query.has("uploads") ? "ListBucketMultipartUploads" : "ListBucket"} ${bucket}-bucket`;
    throw new Error(`what is ${method} ${url.pathname}${url.search}?`);
  }
  switch (method) {
    case "GET":
      return `s3:${query.has("uploadId") ? "ListMultipartUploadParts" : "GetObject"} ${bucket}`;
    case "HEAD":
      return `s3:GetObject ${bucket}`;
    case "PUT":
    case "POST":
      return `s3:PutObject ${bucket}`;
    case "DELETE":
      return `s3:${query.has("uploadId") ? "AbortMultipartUpload" : "DeleteObject"} ${bucket}`;
    default:
      throw new Error(`what is ${method} ${url.pathname}?`);
  }
}
