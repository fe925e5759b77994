/** Folders under `functions/`, each a Lambda function; `worker` is the image that Fargate, Lambda and GPU lanes run. */
export const functionNames = [
  "invoker",
  "task-state",
  "reconciler",
  "dead-letters",
  "events",
  "uploads",
  "webhooks",
  "status",
  "api",
  "authorizer",
  "stream",
] as const;
export type FunctionName = (typeof functionNames)[number];
export type Grantee = FunctionName | "worker";
