import { CloudwatchEventRule } from "@cdktn/provider-aws/lib/cloudwatch-event-rule/index.js";
import { CloudwatchEventTarget } from "@cdktn/provider-aws/lib/cloudwatch-event-target/index.js";
import type { LambdaFunction } from "@cdktn/provider-aws/lib/lambda-function/index.js";
import { LambdaPermission } from "@cdktn/provider-aws/lib/lambda-permission/index.js";
import type { SqsQueue } from "@cdktn/provider-aws/lib/sqs-queue/index.js";
import type { EnvironmentStack } from "./environment-stack.ts";

/** EventBridge itself gives up after a day. */
const retryPolicy = { maximumEventAgeInSeconds: 86_400, maximumRetryAttempts: 185 };

export interface EventRouteProps {
  readonly id: string;
  readonly description: string;
  /** Name of the bus; without it the account's default bus, where AWS's own events are. */
  readonly bus?: string;
  /** Either a pattern or a schedule. */
  readonly when: { readonly pattern: object } | { readonly schedule: string };
  readonly target: LambdaFunction;
  /** Takes what could not be delivered; its policy allows EventBridge's rules of this account. */
  readonly undelivered: SqsQueue;
}

/** Events of a pattern, or of a clock, to a function: tried for a day, then kept for a person. */
export function createEventRoute(stack: EnvironmentStack, props: EventRouteProps): CloudwatchEventRule {
  const bus = props.bus === undefined ? {} : { eventBusName: props.bus };
  const rule = new CloudwatchEventRule(stack, `${props.id}-rule`, {
    name: stack.nameOf(props.id),
    description: props.description,
    ...bus,
    ...("pattern" in props.when
      ? { eventPattern: JSON.stringify(props.when.pattern) }
      : { scheduleExpression: props.when.schedule }),
  });
  const permission = new LambdaPermission(stack, `${props.id}-permission`, {
    functionName: props.target.functionName,
    statementId: `${props.id}-rule`,
    action: "lambda:InvokeFunction",
    principal: "events.amazonaws.com",
    sourceArn: rule.arn,
  });
  new CloudwatchEventTarget(stack, `${props.id}-target`, {
    rule: rule.name,
    targetId: props.id,
    arn: props.target.arn,
    ...bus,
    retryPolicy,
    deadLetterConfig: { arn: props.undelivered.arn },
    dependsOn: [permission],
  });
  return rule;
}
