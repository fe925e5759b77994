/** Names of what the functions count, and the alarms look at. */
export const metricNames = [
  "MessagesAccepted",
  "MessagesRejected",
  "MessagesFailed",
  "AttemptsLost",
  "JobsLookedAt",
  "LaunchDeadlinesMissed",
  "HeartbeatsLost",
  "DeadLettersSettled",
  "UploadsAccepted",
  "JobsQueued",
  "JobsSucceeded",
  "JobsFailed",
  "JobsCanceled",
  "EventsNotPublished",
  "WebhooksSent",
  "WebhooksFailed",
  "StatusRowsWritten",
] as const;
export type MetricName = (typeof metricNames)[number];

export const metricNamespace = "Mixdown";

/** Environments of one account and region count apart. */
export const metricDimensions = (env: NodeJS.ProcessEnv = process.env): { readonly environment: string } => ({
  environment: env.MIXDOWN_ENV ?? "dev",
});
