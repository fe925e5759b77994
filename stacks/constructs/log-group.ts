import { CloudwatchLogGroup } from "@cdktn/provider-aws/lib/cloudwatch-log-group/index.js";
import type { Construct } from "constructs";

/** Long enough to look into last week's failure, short enough to cost nothing. */
export const logRetentionDays = 14;

/** Everything that writes logs has its own group, which ends its entries. */
export const createLogGroup = (scope: Construct, id: string, name: string): CloudwatchLogGroup =>
  new CloudwatchLogGroup(scope, id, { name, retentionInDays: logRetentionDays });
