import { IamRole } from "@cdktn/provider-aws/lib/iam-role/index.js";
import { IamRolePolicy } from "@cdktn/provider-aws/lib/iam-role-policy/index.js";
import type { LambdaFunction } from "@cdktn/provider-aws/lib/lambda-function/index.js";
import { SchedulerScheduleGroup } from "@cdktn/provider-aws/lib/scheduler-schedule-group/index.js";
import type { EnvironmentStack } from "./environment-stack.ts";
import { buildPolicy, buildTrust } from "./policy-document.ts";

/** One-shot schedules that call the sender of webhooks again, days later if need be. */
export interface DeliverySchedules {
  readonly role: IamRole;
  /** All schedules of the group. */
  readonly schedulesArn: string;
  readonly environment: Readonly<Record<string, string>>;
  /** Lets the schedules call the function. */
  allow(target: LambdaFunction): void;
}

/** @param targetName the sender's name: it is told its own ARN, which it cannot refer to */
export function createDeliverySchedules(stack: EnvironmentStack, targetName: string): DeliverySchedules {
  const group = new SchedulerScheduleGroup(stack, "deliveries", { name: stack.nameOf("deliveries") });
  const role = new IamRole(stack, "deliveries-role", {
    name: stack.globalNameOf("deliveries"),
    description: `Mixdown ${stack.environment.name}: schedules that send webhooks again`,
    assumeRolePolicy: buildTrust("scheduler.amazonaws.com", stack.accountId),
  });
  return {
    role,
    schedulesArn: stack.arnOf("scheduler", `schedule/${group.name}/*`),
    environment: {
      MIXDOWN_SCHEDULE_GROUP: group.name,
      MIXDOWN_SCHEDULE_TARGET: stack.arnOf("lambda", `function:${targetName}`),
      MIXDOWN_SCHEDULE_ROLE: role.arn,
    },
    allow: (target) => {
      new IamRolePolicy(stack, "deliveries-policy", {
        name: "call-sender",
        role: role.name,
        policy: buildPolicy([{ actions: ["lambda:InvokeFunction"], resources: [target.arn] }]),
      });
    },
  };
}
