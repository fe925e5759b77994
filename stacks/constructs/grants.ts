import type { KmsKey } from "@cdktn/provider-aws/lib/kms-key/index.js";
import type { Permission, PermissionResource } from "../../core/permission.ts";
import type { PolicyStatement } from "./policy-document.ts";

/** What each role of a resource means in this environment: ARNs. What another stack grants is not named. */
export type Bindings = Partial<Record<PermissionResource, readonly string[]>>;

/** Resources whose content the environment's key encrypts: who reads or writes them needs the key too. */
const encrypted: ReadonlySet<PermissionResource> = new Set([
  "table",
  "raw",
  "derived",
  "transcripts",
  "queue",
  "dead-letter-queue",
  "parameters",
]);

/** Services that roles may be handed to. */
const passedTo: Partial<Record<PermissionResource, string>> = {
  "task-roles": "ecs-tasks.amazonaws.com",
  "scheduler-role": "scheduler.amazonaws.com",
};

/**
 * The statements that permissions mean, one a resource, in the order of the table. Permissions on what `bindings` does not
 * name are left to the stack that has it.
 * @param triggers what the service does in the role's name, with a queue or a stream that calls the function
 */
export function buildGrants(
  permissions: readonly Permission[],
  bindings: Bindings,
  key: KmsKey | undefined,
  triggers: readonly PolicyStatement[] = [],
): readonly PolicyStatement[] {
  const here = permissions.filter((permission) => bindings[permission.resource] !== undefined);
  const byResource = Map.groupBy(here, (permission) => permission.resource);
  const statements = [...byResource].map(([resource, granted]): PolicyStatement => {
    const service = passedTo[resource];
    return {
      sid: buildSid(resource),
      actions: [...new Set(granted.map((permission) => permission.action))].sort(),
      resources: bindings[resource] ?? [],
      ...(service === undefined ? {} : { conditions: { StringEquals: { "iam:PassedToService": service } } }),
    };
  });
  // What calls a function is a queue or a stream, and encrypted too.
  const touches = triggers.length > 0 || here.some((permission) => encrypted.has(permission.resource));
  return key !== undefined && touches
    ? [
        ...triggers,
        ...statements,
        { sid: "Key", actions: ["kms:Decrypt", "kms:GenerateDataKey"], resources: [key.arn] },
      ]
    : [...triggers, ...statements];
}

/** Letters and digits only: `dead-letter-queue` is `DeadLetterQueue`. */
const buildSid = (resource: string): string =>
  resource.replace(/(^|-)([a-z])/g, (_, _dash, letter: string) => letter.toUpperCase());
