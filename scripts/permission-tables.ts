import { apiKeyReadPermissions, apiKeyStorePermissions } from "../adapters/aws/api-key-store.ts";
import { callSchedulerPermissions } from "../adapters/aws/call-scheduler.ts";
import { deadLetterStorePermissions } from "../adapters/aws/dead-letter-store.ts";
import { ecsTaskLauncherPermissions } from "../adapters/aws/ecs-task-launcher.ts";
import { eventPublisherPermissions } from "../adapters/aws/event-publisher.ts";
import { jobQueueRejectPermissions, jobQueueSendPermissions } from "../adapters/aws/job-queue.ts";
import { jobStorePermissions } from "../adapters/aws/jobs/job-store.ts";
import { lambdaTaskLauncherPermissions } from "../adapters/aws/lambda-task-launcher.ts";
import { objectStorePermissions } from "../adapters/aws/objects/object-store.ts";
import { rateLimiterPermissions } from "../adapters/aws/rate-limiter.ts";
import { resultCachePermissions } from "../adapters/aws/result-cache.ts";
import { secretReaderPermissions } from "../adapters/aws/secret-reader.ts";
import { transferSignerPermissions } from "../adapters/aws/transfer-signer.ts";
import { webhookStorePermissions } from "../adapters/aws/webhook-store.ts";
import type { Grantee } from "../config/function-names.ts";
import type { Permission } from "../core/permission.ts";

type Table = readonly Permission[];

const pick = (table: Table, keep: (permission: Permission) => boolean): Table => table.filter(keep);
const read = new Set<string>(["s3:GetObject", "s3:ListBucket"]);
const readsTable = new Set<string>(["dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query"]);

/** Looking at objects. */
const look = pick(objectStorePermissions, ({ action }) => read.has(action));
/** What settling does besides: sweep the outputs of lost runs. */
const sweep = pick(
  objectStorePermissions,
  ({ action, resource }) => action === "s3:DeleteObject" && resource === "derived",
);
/** A run writes results, and never touches what others brought. */
const produce = pick(
  objectStorePermissions,
  ({ action, resource }) =>
    resource === "derived" && (action === "s3:PutObject" || action === "s3:AbortMultipartUpload"),
);
/** Only who runs a job gives signs of life. */
const pulse = pick(jobStorePermissions, ({ action }) => action === "dynamodb:UpdateItem");
const changeJobs = pick(jobStorePermissions, (permission) => !pulse.includes(permission));
const work = [...changeJobs, ...jobQueueSendPermissions, ...resultCachePermissions, ...look, ...sweep];
const launch = [...ecsTaskLauncherPermissions, ...lambdaTaskLauncherPermissions];

/** Which of its adapters' permissions each function, and the worker, needs: what its wiring opens, as far as it is used. */
export const permissionTables: Readonly<Record<Grantee, Table>> = {
  invoker: [...work, ...launch, ...deadLetterStorePermissions, ...jobQueueRejectPermissions],
  "task-state": work,
  reconciler: [...work, ...launch, ...deadLetterStorePermissions],
  "dead-letters": [...work, ...deadLetterStorePermissions],
  events: eventPublisherPermissions,
  uploads: work,
  webhooks: [...webhookStorePermissions, ...callSchedulerPermissions],
  // It looks up what an event leaves out, and writes nothing.
  status: [...jobStorePermissions.filter(({ action }) => readsTable.has(action)), ...secretReaderPermissions],
  api: [
    ...work,
    ...deadLetterStorePermissions,
    ...transferSignerPermissions,
    ...apiKeyStorePermissions,
    ...rateLimiterPermissions,
    ...webhookStorePermissions,
    ...callSchedulerPermissions,
    ...secretReaderPermissions,
  ],
  authorizer: apiKeyReadPermissions,
  stream: [
    ...jobStorePermissions.filter(({ action }) => readsTable.has(action)),
    ...apiKeyReadPermissions,
    ...rateLimiterPermissions,
  ],
  worker: [...work, ...pulse, ...produce],
};

/** Each once, in the order of resource and action: what is generated must not depend on who came first. */
export function tidy(table: Table): Table {
  const texts = new Set(table.map(({ resource, action }) => `${resource} ${action}`));
  return [...texts].sort().map((text) => {
    const [resource, action] = text.split(" ") as [Permission["resource"], Permission["action"]];
    return { action, resource };
  });
}
