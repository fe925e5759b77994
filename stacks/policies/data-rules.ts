import { type PlannedResource, type PolicyRule, readBlock, readFlag, readText, refersTo } from "./rule.ts";

/** Whether something of the stack sends to it what it could not do itself. */
const takesFailures = (queue: PlannedResource, all: readonly PlannedResource[]): boolean =>
  all.some(({ type, config }) => {
    const names = [
      type === "aws_sqs_queue" ? config.redrive_policy : undefined,
      type === "aws_sqs_queue_redrive_policy" ? config.redrive_policy : undefined,
      readBlock(config, "dead_letter_config"),
      readBlock(config, "destination_config"),
    ];
    return names.some((named) => named !== undefined && refersTo(named, queue));
  });

export const dataRules: readonly PolicyRule[] = [
  {
    name: "queue-encrypted",
    types: ["aws_sqs_queue"],
    findFault: ({ config }) =>
      readFlag(config, "sqs_managed_sse_enabled") || readText(config, "kms_master_key_id") !== ""
        ? undefined
        : "is not encrypted",
    fix: "Spread buildQueueEncryption into it.",
  },
  {
    name: "queue-dead-letters",
    types: ["aws_sqs_queue"],
    findFault: (resource, all) =>
      readText(resource.config, "redrive_policy") !== "" || takesFailures(resource, all)
        ? undefined
        : "loses what cannot be processed",
    fix: "Make it with FifoQueue, or give it a redrive policy to a queue of dead letters.",
  },
  {
    name: "table-recoverable",
    types: ["aws_dynamodb_table"],
    findFault: ({ config }) =>
      readFlag(readBlock(config, "point_in_time_recovery"), "enabled")
        ? undefined
        : "cannot be brought back to a moment",
    fix: "Set point_in_time_recovery.enabled.",
  },
  {
    name: "table-encrypted",
    types: ["aws_dynamodb_table"],
    findFault: ({ config }) =>
      readFlag(readBlock(config, "server_side_encryption"), "enabled") ? undefined : "is not encrypted with a KMS key",
    fix: "Set server_side_encryption.enabled.",
  },
  {
    name: "repository-immutable",
    types: ["aws_ecr_repository"],
    findFault: ({ config }) => {
      if (readText(config, "image_tag_mutability") !== "IMMUTABLE") return "lets a tag change its image";
      return readFlag(readBlock(config, "image_scanning_configuration"), "scan_on_push") ? undefined : "does not scan";
    },
    fix: "Set image_tag_mutability to IMMUTABLE and scan_on_push.",
  },
  {
    name: "target-keeps-failures",
    types: ["aws_cloudwatch_event_target"],
    findFault: ({ config }) =>
      readBlock(config, "dead_letter_config") !== undefined && readBlock(config, "retry_policy") !== undefined
        ? undefined
        : "drops events that it cannot deliver",
    fix: "Make it with createEventRoute.",
  },
  {
    name: "mapping-reports-items",
    types: ["aws_lambda_event_source_mapping"],
    findFault: ({ config }) =>
      (config.function_response_types as readonly string[] | undefined)?.includes("ReportBatchItemFailures")
        ? undefined
        : "repeats a whole batch for one message",
    fix: 'Set function_response_types to ["ReportBatchItemFailures"].',
  },
  {
    name: "key-rotates",
    types: ["aws_kms_key"],
    findFault: ({ config }) => (readFlag(config, "enable_key_rotation") ? undefined : "never turns its key"),
    fix: "Set enable_key_rotation.",
  },
  {
    name: "stage-logged",
    types: ["aws_apigatewayv2_stage"],
    findFault: ({ config }) => {
      if (readBlock(config, "access_log_settings") === undefined) return "writes no access log";
      const limit = readBlock(config, "default_route_settings")?.throttling_rate_limit;
      return typeof limit === "number" ? undefined : "takes any number of requests";
    },
    fix: "Set access_log_settings and default_route_settings.throttling_rate_limit.",
  },
];
