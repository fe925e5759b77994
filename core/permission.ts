/**
 * What of ours a call touches, by role and not by name: the stacks bind each to the resource of their environment.
 * `table` includes its indexes; `raw`, `derived` and `transcripts` mean the objects, `raw-bucket` … the bucket itself
 * (listing); `parameters` is everything under `/mixdown/<env>/`; `schedules` our own schedule group; `any` stays for
 * actions that know no resources.
 */
export const permissionResources = [
  "table",
  "table-stream",
  "raw",
  "raw-bucket",
  "derived",
  "derived-bucket",
  "transcripts",
  "transcripts-bucket",
  "queue",
  "dead-letter-queue",
  "bus",
  "cluster",
  "tasks",
  "task-definitions",
  "task-roles",
  "worker-function",
  "webhooks-function",
  "schedules",
  "scheduler-role",
  "parameters",
  "any",
] as const;
export type PermissionResource = (typeof permissionResources)[number];

/** One line of an adapter's table: policies of functions and workers are made from these. */
export interface Permission {
  /** As IAM spells it: `dynamodb:PutItem`. */
  readonly action: `${string}:${string}`;
  readonly resource: PermissionResource;
}
