import { isHidden, isRecord, itemsOf, readPath, type Shown } from "./shown-value.ts";

export interface LoweredGuard {
  /** What protected data, or how long it was kept. */
  readonly what: string;
  readonly before: Shown;
  readonly after: Shown;
}

interface Guard {
  readonly types: readonly string[];
  readonly path: string;
  readonly what: string;
  readonly isLower: (before: Shown | undefined, after: Shown | undefined) => boolean;
}

const turnedOff = (before: Shown | undefined, after: Shown | undefined): boolean => before === true && after !== true;
const turnedOn = (before: Shown | undefined, after: Shown | undefined): boolean => before !== true && after === true;
const left =
  (value: string) =>
  (before: Shown | undefined, after: Shown | undefined): boolean =>
    before === value && after !== value;
/** Fewer days; 0 and nothing keep for good where `zeroIsForever`. */
const shorter =
  (zeroIsForever: boolean) =>
  (before: Shown | undefined, after: Shown | undefined): boolean => {
    const days = (value: Shown | undefined): number => (typeof value === "number" ? value : 0);
    const span = (value: Shown | undefined): number =>
      zeroIsForever && days(value) === 0 ? Number.POSITIVE_INFINITY : days(value);
    return !isHidden(after) && span(after) < span(before);
  };

const guards: readonly Guard[] = [
  {
    types: ["aws_db_instance", "aws_rds_cluster", "aws_docdb_cluster", "aws_neptune_cluster", "aws_rds_global_cluster"],
    path: "deletion_protection",
    what: "deletion protection",
    isLower: turnedOff,
  },
  {
    types: ["aws_db_instance", "aws_rds_cluster", "aws_docdb_cluster", "aws_neptune_cluster", "aws_redshift_cluster"],
    path: "skip_final_snapshot",
    what: "no final snapshot",
    isLower: turnedOn,
  },
  {
    types: ["aws_db_instance", "aws_rds_cluster", "aws_docdb_cluster", "aws_neptune_cluster"],
    path: "backup_retention_period",
    what: "days of backups",
    isLower: shorter(false),
  },
  {
    types: ["aws_dynamodb_table"],
    path: "deletion_protection_enabled",
    what: "deletion protection",
    isLower: turnedOff,
  },
  {
    types: ["aws_dynamodb_table"],
    path: "point_in_time_recovery.0.enabled",
    what: "point-in-time recovery",
    isLower: turnedOff,
  },
  { types: ["aws_dynamodb_table"], path: "ttl.0.enabled", what: "items that expire", isLower: turnedOn },
  { types: ["aws_s3_bucket"], path: "force_destroy", what: "objects go with the bucket", isLower: turnedOn },
  {
    types: ["aws_s3_bucket_versioning"],
    path: "versioning_configuration.0.status",
    what: "versions",
    isLower: left("Enabled"),
  },
  { types: ["aws_s3_bucket"], path: "versioning.0.enabled", what: "versions", isLower: turnedOff },
  { types: ["aws_ecr_repository"], path: "force_delete", what: "images go with the repository", isLower: turnedOn },
  { types: ["aws_ecr_repository"], path: "image_tag_mutability", what: "tags that stay", isLower: left("IMMUTABLE") },
  {
    types: ["aws_cloudwatch_log_group"],
    path: "retention_in_days",
    what: "days that logs are kept",
    isLower: shorter(true),
  },
  {
    types: ["aws_sqs_queue"],
    path: "message_retention_seconds",
    what: "seconds that messages are kept",
    isLower: shorter(false),
  },
  {
    types: ["aws_cloudwatch_event_archive"],
    path: "retention_days",
    what: "days of the archive",
    isLower: shorter(true),
  },
  { types: ["aws_kinesis_stream"], path: "retention_period", what: "hours of the stream", isLower: shorter(false) },
  { types: ["aws_kms_key"], path: "enable_key_rotation", what: "key rotation", isLower: turnedOff },
  { types: ["aws_kms_key"], path: "is_enabled", what: "the key being usable", isLower: turnedOff },
  {
    types: ["aws_cognito_user_pool"],
    path: "deletion_protection",
    what: "deletion protection",
    isLower: left("ACTIVE"),
  },
  {
    types: ["aws_lb", "aws_alb"],
    path: "enable_deletion_protection",
    what: "deletion protection",
    isLower: turnedOff,
  },
];

/** Resources that are a guard as a whole: their deletion lowers it. */
const guardTypes: Readonly<Record<string, string>> = {
  aws_s3_bucket_versioning: "versions",
  aws_s3_bucket_object_lock_configuration: "object lock",
  aws_s3_bucket_server_side_encryption_configuration: "encryption with the configured key",
  aws_backup_plan: "backups",
  aws_backup_selection: "backups",
  aws_dynamodb_contributor_insights: "contributor insights",
};

/** What protected data before and does less so after; nothing for what is created. Pure. */
export function findLoweredGuards(type: string, before: Shown, after: Shown): readonly LoweredGuard[] {
  if (!isRecord(before)) return [];
  if (after === null) {
    const what = Object.hasOwn(guardTypes, type) ? guardTypes[type] : undefined;
    return what === undefined ? [] : [{ what, before: true, after: null }];
  }
  const lowered = guards
    .filter((guard) => guard.types.includes(type))
    .map(({ path, what, isLower }) => ({ what, before: readPath(before, path), after: readPath(after, path), isLower }))
    .filter((one) => one.isLower(one.before, one.after))
    .map((one) => ({ what: one.what, before: one.before ?? null, after: one.after ?? null }));
  return type === "aws_s3_bucket_lifecycle_configuration" ? [...lowered, ...findShorterLives(before, after)] : lowered;
}

function findShorterLives(before: Shown, after: Shown): readonly LoweredGuard[] {
  const lives = readLives(before);
  return [...readLives(after)]
    .filter(([rule, days]) => days < (lives.get(rule) ?? Number.POSITIVE_INFINITY))
    .map(([rule, days]) => ({
      what: `days that objects are kept by rule ${rule}`,
      before: lives.get(rule) ?? null,
      after: days,
    }));
}

function readLives(value: Shown): ReadonlyMap<string, number> {
  const lives = new Map<string, number>();
  for (const rule of itemsOf(readPath(value, "rule"))) {
    const id = readPath(rule, "id");
    if (readPath(rule, "status") !== "Enabled") continue;
    for (const field of ["expiration.0.days", "noncurrent_version_expiration.0.noncurrent_days"]) {
      const days = readPath(rule, field);
      if (typeof days === "number" && days > 0)
        lives.set(`${typeof id === "string" ? id : "?"} (${field.split(".")[0]})`, days);
    }
  }
  return lives;
}
