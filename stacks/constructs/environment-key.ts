import { KmsAlias } from "@cdktn/provider-aws/lib/kms-alias/index.js";
import { KmsKey } from "@cdktn/provider-aws/lib/kms-key/index.js";
import type { EnvironmentStack } from "./environment-stack.ts";
import { buildPolicy } from "./policy-document.ts";

/** Services of this account that put something under the key by themselves: events and alarms into queues and topics. */
const callingServices = [
  "events.amazonaws.com",
  "cloudwatch.amazonaws.com",
  "budgets.amazonaws.com",
  "sns.amazonaws.com",
];

/** The environment's own key. It turns each year, and waits a month before it is gone for good. */
export function createEnvironmentKey(stack: EnvironmentStack): KmsKey {
  const account = stack.accountId;
  const key = new KmsKey(stack, "key", {
    description: `Mixdown ${stack.environment.name}: files, table, queues`,
    enableKeyRotation: true,
    deletionWindowInDays: stack.environment.deletionProtection ? 30 : 7,
    policy: buildPolicy([
      {
        sid: "Account",
        principals: { AWS: `arn:${stack.partition}:iam::${account}:root` },
        actions: ["kms:*"],
        resources: ["*"],
      },
      {
        sid: "Services",
        principals: { Service: callingServices },
        actions: ["kms:Decrypt", "kms:GenerateDataKey*"],
        resources: ["*"],
        conditions: { StringEquals: { "aws:SourceAccount": account } },
      },
    ]),
  });
  new KmsAlias(stack, "key-alias", { name: `alias/${stack.nameOf("key")}`, targetKeyId: key.keyId });
  return key;
}
