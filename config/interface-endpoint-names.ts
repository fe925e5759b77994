/** Services that workers and GPU instances call; each costs by the hour and zone. */
export const interfaceEndpointNames = [
  "ecr.api",
  "ecr.dkr",
  "logs",
  "ecs",
  "ecs-agent",
  "ecs-telemetry",
  "events",
  "sqs",
  "ssm",
  "kms",
] as const;
