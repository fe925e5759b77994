import { z } from "zod";
import { limits } from "../core/limits.ts";

export const environmentNames = ["dev", "test", "stage", "prod"] as const;
export type EnvironmentName = (typeof environmentNames)[number];

/** One thing that differs, or may differ, from environment to environment. */
interface Setting<S extends z.ZodType> {
  /** Sets it for one synth; what is unset or empty leaves the environment's own. */
  readonly variable: `MIXDOWN_${string}`;
  readonly schema: S;
  readonly what: string;
  readonly values: Readonly<Record<EnvironmentName, z.input<S>>>;
}

function setting<S extends z.ZodType>(
  variable: `MIXDOWN_${string}`,
  schema: S,
  everywhere: z.input<S>,
  what: string,
  differing: Partial<Record<EnvironmentName, z.input<S>>> = {},
): Setting<S> {
  const values = { dev: everywhere, test: everywhere, stage: everywhere, prod: everywhere, ...differing };
  return { variable, schema, what, values };
}

const flag = z.preprocess(
  (value) => (value === "true" || value === "1" ? true : value === "false" || value === "0" ? false : value),
  z.custom<boolean>((value) => typeof value === "boolean", "must be one of true, false, 1, 0"),
);
const whole = (min: number, max: number) =>
  z.preprocess(
    (value) => (typeof value === "string" ? Number(value) : value),
    z.custom<number>(
      (value) => Number.isInteger(value) && Number(value) >= min && Number(value) <= max,
      `must be a whole number from ${min} to ${max}`,
    ),
  );
const textOf = (pattern: RegExp, allowed: string) => z.string().regex(pattern, `must be ${allowed}`);
const optional = (pattern: RegExp, allowed: string) => textOf(pattern, allowed).or(z.literal("")).default("");
const listOf = (pattern: RegExp, allowed: string) =>
  z
    .union([z.array(z.string()), z.string().transform((text) => text.split(",").map((entry) => entry.trim()))])
    .transform((entries) => entries.filter((entry) => entry !== ""))
    .refine((entries) => entries.every((entry) => pattern.test(entry)), `must be ${allowed}, separated by commas`);

const digest = optional(/^sha256:[0-9a-f]{64}$/, "a digest, sha256: and 64 hexadecimal digits");
const local = "http://localhost:3000,http://localhost:4747,http://localhost:5173";
/** Every optional part, so that one synth shows them all. */
const testOnly = { test: true };
const lasting = { test: true, stage: true, prod: true };

/** Everything that can be set about a deployment. The README's table is made from it. */
export const settings = {
  region: setting(
    "MIXDOWN_REGION",
    textOf(/^[a-z]{2}(-[a-z]+)+-\d$/, "a region of AWS, such as eu-west-1"),
    "us-east-1",
    "Region of AWS.",
  ),
  account: setting(
    "MIXDOWN_ACCOUNT",
    optional(/^\d{12}$/, "twelve digits"),
    "",
    "Account that may be deployed to; unset: that of the credentials.",
  ),
  ownerTag: setting(
    "MIXDOWN_OWNER_TAG",
    textOf(/^[\w .:/=+@-]{1,64}$/, "1 to 64 letters, digits or _.:/=+@-"),
    "mixdown",
    "Who answers for it: the tag `owner`.",
  ),
  stateBucket: setting(
    "MIXDOWN_STATE_BUCKET",
    optional(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, "a bucket's name"),
    "",
    "Bucket of the remote state; unset: files under `.state/`.",
  ),
  stateRegion: setting(
    "MIXDOWN_STATE_REGION",
    optional(/^[a-z]{2}(-[a-z]+)+-\d$/, "a region of AWS"),
    "",
    "Region of that bucket; unset: the environment's.",
  ),
  cidr: setting(
    "MIXDOWN_VPC_CIDR",
    textOf(/^\d+\.\d+\.0\.0\/16$/, "a /16 such as 10.40.0.0/16"),
    "10.40.0.0/16",
    "Addresses of the network.",
    {
      test: "10.41.0.0/16",
      stage: "10.42.0.0/16",
      prod: "10.43.0.0/16",
    },
  ),
  zones: setting("MIXDOWN_ZONES", whole(2, 3), 2, "Availability zones.", { test: 3, prod: 3 }),
  nat: setting(
    "MIXDOWN_NAT",
    z.enum(["none", "single", "per-zone"]),
    "none",
    "NAT gateways; `none` runs tasks in public subnets, closed to the outside.",
    { test: "per-zone", stage: "single", prod: "per-zone" },
  ),
  interfaceEndpoints: setting(
    "MIXDOWN_INTERFACE_ENDPOINTS",
    flag,
    false,
    "Interface endpoints: isolation, never thrift.",
    testOnly,
  ),
  flowLogs: setting("MIXDOWN_FLOW_LOGS", flag, true, "Flow logs of the network, kept 14 days."),
  ownKey: setting("MIXDOWN_OWN_KEY", flag, false, "A KMS key of its own; without it AWS's managed keys.", lasting),
  versioning: setting("MIXDOWN_VERSIONING", flag, false, "Buckets keep replaced objects for a week.", lasting),
  outputDays: setting(
    "MIXDOWN_OUTPUT_DAYS",
    whole(0, 3_650),
    limits.outputsMs / 86_400_000,
    "Days that outputs are kept; 0 keeps them.",
    {
      prod: 0,
    },
  ),
  deletionProtection: setting(
    "MIXDOWN_DELETION_PROTECTION",
    flag,
    false,
    "The table refuses to be deleted, buckets to be emptied.",
    {
      prod: true,
    },
  ),
  transferAcceleration: setting(
    "MIXDOWN_TRANSFER_ACCELERATION",
    flag,
    false,
    "Faster uploads from far away, for a price.",
    testOnly,
  ),
  workerArchitecture: setting(
    "MIXDOWN_WORKER_ARCHITECTURE",
    z.enum(["x86_64", "arm64"]),
    "x86_64",
    "Processor of the worker's images.",
  ),
  workerDigest: setting(
    "MIXDOWN_WORKER_DIGEST",
    digest,
    "",
    "The worker's image on Fargate; recorded by the deployment.",
  ),
  workerLambdaDigest: setting("MIXDOWN_WORKER_LAMBDA_DIGEST", digest, "", "The worker's image on Lambda; likewise."),
  workerGpuDigest: setting("MIXDOWN_WORKER_GPU_DIGEST", digest, "", "The worker's image on GPU instances; likewise."),
  ffmpegMajor: setting(
    "MIXDOWN_FFMPEG_MAJOR",
    whole(1, 99),
    5,
    "Major version of the ffmpeg in the worker's images; a part of every result's cache key.",
  ),
  lambdaLane: setting("MIXDOWN_LAMBDA_LANE", flag, true, "Short jobs run on Lambda."),
  lambdaConcurrency: setting(
    "MIXDOWN_LAMBDA_CONCURRENCY",
    whole(0, 1_000),
    0,
    "Reserved concurrency of that lane; 0 reserves nothing.",
    {
      prod: 50,
    },
  ),
  gpu: setting("MIXDOWN_GPU", flag, false, "GPU lane; needs NAT or interface endpoints.", testOnly),
  gpuInstanceType: setting(
    "MIXDOWN_GPU_INSTANCE_TYPE",
    textOf(/^[a-z0-9]+\.[a-z0-9]+$/, "an instance type such as g4dn.xlarge"),
    "g4dn.xlarge",
    "Its instances.",
  ),
  gpuMax: setting("MIXDOWN_GPU_MAX", whole(1, 100), 2, "Most of them at once; none while nothing waits."),
  gpuTerminationProtection: setting(
    "MIXDOWN_GPU_TERMINATION_PROTECTION",
    flag,
    false,
    "Instances with a task are not scaled in; `destroy` then needs them empty.",
    {
      test: true,
      prod: true,
    },
  ),
  queueConcurrency: setting(
    "MIXDOWN_QUEUE_CONCURRENCY",
    whole(2, 1_000),
    5,
    "Invokers that the queue starts at once.",
    { prod: 20 },
  ),
  uploadTrigger: setting(
    "MIXDOWN_UPLOAD_TRIGGER",
    flag,
    false,
    "A file dropped into the bucket of uploads becomes a `clean` job.",
    testOnly,
  ),
  statusTable: setting("MIXDOWN_STATUS_TABLE", flag, false, "Job states go to a table over PostgREST.", testOnly),
  progressEvents: setting("MIXDOWN_PROGRESS_EVENTS", flag, false, "Progress goes over the bus too.", testOnly),
  corsOrigins: setting(
    "MIXDOWN_CORS_ORIGINS",
    listOf(/^(\*|https?:\/\/[^/\s]+)$/, "origins such as https://app.example.org"),
    local,
    "Origins that may call from a browser.",
  ),
  jwksUrl: setting(
    "MIXDOWN_JWT_JWKS_URL",
    optional(/^https:\/\/\S+$/, "an https URL"),
    "",
    "Published keys of the identity provider.",
  ),
  jwtIssuer: setting("MIXDOWN_JWT_ISSUER", z.string(), "", "Issuer of its tokens."),
  jwtAudience: setting("MIXDOWN_JWT_AUDIENCE", z.string(), "", "Audience of its tokens."),
  defaultOwner: setting(
    "MIXDOWN_DEFAULT_OWNER",
    textOf(/^[A-Za-z0-9_-]{1,128}$/, "1 to 128 letters, digits, _ or -"),
    "local",
    "Owner of jobs that come without a credential.",
  ),
  sharedCache: setting("MIXDOWN_SHARED_CACHE", flag, false, "Owners share results of equal content."),
  apiRatePerSecond: setting("MIXDOWN_API_RATE", whole(1, 10_000), 50, "Requests a second that the API takes.", {
    prod: 200,
  }),
  presignUser: setting(
    "MIXDOWN_PRESIGN_USER",
    flag,
    false,
    "A user for older front ends that sign URLs themselves.",
    testOnly,
  ),
  insight: setting("MIXDOWN_INSIGHT", flag, false, "Recordings and episodes: the transcripts' bucket.", testOnly),
  alarms: setting("MIXDOWN_ALARMS", flag, true, "Alarms to a topic, and a dashboard; they cost a little at rest.", {
    dev: false,
  }),
  alarmEmails: setting("MIXDOWN_ALARM_EMAILS", listOf(/^[^@\s]+@[^@\s]+$/, "addresses"), "", "Who is told."),
  budgetUsd: setting("MIXDOWN_BUDGET_USD", whole(0, 1_000_000), 0, "Monthly budget that warns at 80 %; 0 sets none.", {
    test: 100,
    prod: 500,
  }),
} as const;

export type SettingName = keyof typeof settings;
/** A deployment's settings, checked and complete. */
export type Environment = { readonly name: EnvironmentName } & {
  readonly [K in SettingName]: z.output<(typeof settings)[K]["schema"]>;
};
