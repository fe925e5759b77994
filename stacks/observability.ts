import { BudgetsBudget } from "@cdktn/provider-aws/lib/budgets-budget/index.js";
import { CloudwatchDashboard } from "@cdktn/provider-aws/lib/cloudwatch-dashboard/index.js";
import { SnsTopic } from "@cdktn/provider-aws/lib/sns-topic/index.js";
import { SnsTopicPolicy } from "@cdktn/provider-aws/lib/sns-topic-policy/index.js";
import { SnsTopicSubscription } from "@cdktn/provider-aws/lib/sns-topic-subscription/index.js";
import { XrayGroup } from "@cdktn/provider-aws/lib/xray-group/index.js";
import { XraySamplingRule } from "@cdktn/provider-aws/lib/xray-sampling-rule/index.js";
import { TerraformOutput } from "cdktn";
import type { Construct } from "constructs";
import type { Environment } from "../config/environments.ts";
import { createAlarm } from "./constructs/alarm.ts";
import { buildDashboard } from "./constructs/dashboard.ts";
import { EnvironmentStack } from "./constructs/environment-stack.ts";
import { listAlarms, listFunctionAlarms, type WatchedStacks } from "./constructs/platform-alarms.ts";
import { buildPolicy } from "./constructs/policy-document.ts";

/** One request a second is traced whatever happens, and of the rest one in twenty. */
const sampling = { reservoirSize: 1, fixedRate: 0.05, priority: 1_000 };
const warnAtPercent = 80;

export interface ObservabilityStackProps extends WatchedStacks {
  readonly environment: Environment;
}

/** Who looks after it all while nobody looks. */
export class ObservabilityStack extends EnvironmentStack {
  readonly topic: SnsTopic;
  readonly #props: ObservabilityStackProps;

  constructor(scope: Construct, props: ObservabilityStackProps) {
    super(scope, "observability", props.environment);
    this.#props = props;
    const { environment, storage } = props;
    this.topic = new SnsTopic(this, "topic", {
      name: this.nameOf("alarms"),
      ...(storage.key === undefined ? {} : { kmsMasterKeyId: storage.key.arn }),
    });
    this.#letServicesTell();
    for (const [index, endpoint] of environment.alarmEmails.entries()) {
      new SnsTopicSubscription(this, `subscription-${index}`, {
        topicArn: this.topic.arn,
        protocol: "email",
        endpoint,
      });
    }
    if (environment.alarms) this.#createAlarms();
    this.#createTraces();
    if (environment.budgetUsd > 0) this.#createBudget();
    new TerraformOutput(this, "alarm_topic_name", { value: this.topic.name, staticId: true });
  }

  #letServicesTell(): void {
    const arn = this.topic.arn;
    new SnsTopicPolicy(this, "topic-policy", {
      arn,
      policy: buildPolicy([
        {
          sid: "TlsOnly",
          effect: "Deny",
          principals: "*",
          actions: ["sns:Publish"],
          resources: [arn],
          conditions: { Bool: { "aws:SecureTransport": "false" } },
        },
        {
          sid: "Alarms",
          principals: { Service: ["budgets.amazonaws.com", "cloudwatch.amazonaws.com"] },
          actions: ["sns:Publish"],
          resources: [arn],
          conditions: { StringEquals: { "aws:SourceAccount": this.accountId } },
        },
      ]),
    });
  }

  #createAlarms(): void {
    const { topic } = this;
    for (const alarm of [...listAlarms(this, this.#props), ...listFunctionAlarms(this, this.#props)]) {
      createAlarm(this, { ...alarm, topic });
    }
    new CloudwatchDashboard(this, "dashboard", {
      // Dashboards are one space for all regions.
      dashboardName: this.globalNameOf("platform"),
      dashboardBody: buildDashboard(this, this.#props),
    });
  }

  #createTraces(): void {
    const name = this.nameOf("");
    new XrayGroup(this, "traces", {
      groupName: this.nameOf("platform"),
      filterExpression: `service("${this.nameOf("api")}") OR service("${this.nameOf("invoker")}")`,
    });
    new XraySamplingRule(this, "sampling", {
      // 32 characters at the most.
      ruleName: `mixdown-${this.environment.name}`,
      version: 1,
      ...sampling,
      serviceName: `${name}*`,
      serviceType: "*",
      host: "*",
      httpMethod: "*",
      urlPath: "*",
      resourceArn: "*",
    });
  }

  /** Of what carries our tag: other things in the account are not ours to warn about. */
  #createBudget(): void {
    const { name, budgetUsd, alarmEmails } = this.environment;
    new BudgetsBudget(this, "budget", {
      name: this.globalNameOf("month"),
      budgetType: "COST",
      limitAmount: String(budgetUsd),
      limitUnit: "USD",
      timeUnit: "MONTHLY",
      costFilter: [{ name: "TagKeyValue", values: [`user:environment$${name}`] }],
      notification: [
        {
          comparisonOperator: "GREATER_THAN",
          notificationType: "ACTUAL",
          threshold: warnAtPercent,
          thresholdType: "PERCENTAGE",
          subscriberSnsTopicArns: [this.topic.arn],
          ...(alarmEmails.length === 0 ? {} : { subscriberEmailAddresses: [...alarmEmails] }),
        },
      ],
    });
  }
}
