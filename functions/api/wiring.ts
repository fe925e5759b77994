import { createDynamoApiKeyStore } from "../../adapters/aws/api-key-store.ts";
import { createCallScheduler } from "../../adapters/aws/call-scheduler.ts";
import { createDynamoJobStore } from "../../adapters/aws/jobs/job-store.ts";
import { createDynamoRateLimiter } from "../../adapters/aws/rate-limiter.ts";
import { createSsmSecretReader } from "../../adapters/aws/secret-reader.ts";
import { createS3TransferSigner } from "../../adapters/aws/transfer-signer.ts";
import { createDynamoWebhookStore } from "../../adapters/aws/webhook-store.ts";
import { systemClock } from "../../adapters/embedded/clock.ts";
import { readAwsConfig, readScheduleConfig, readSecretConfig } from "../../config/aws.ts";
import { knowsSchedules, readDoorConfig } from "../../config/functions.ts";
import type { TaskLauncher } from "../../core/ports.ts";
import { instrument } from "../telemetry.ts";
import { openDeadLetters, openOwnBuckets, openOwnTable, openWorkPlatform } from "../wiring.ts";
import { createHandler } from "./handler.ts";

/** The gateway ends at 30 s, the function at 29. */
const patienceMs = 25_000;

/** Nothing is launched by a request. A worker finds out by itself that its job is canceled, or the reconciler stops it. */
const absentLauncher: TaskLauncher = {
  launch: () => Promise.reject(new Error("requests launch nothing")),
  stop: async () => {},
  isAlive: async () => false,
};

const config = readAwsConfig();
const table = openOwnTable(config);
const secrets = createSsmSecretReader(readSecretConfig().prefix, systemClock);

/** Seals the cursors of lists. */
const cursorKey = async (): Promise<Uint8Array> => {
  const secret = await secrets.get("cursor_key");
  if (secret !== undefined) return Buffer.from(secret);
  throw new Error("the parameter cursor_key is not set");
};
const deps = {
  platform: {
    ...openWorkPlatform(config),
    jobs: createDynamoJobStore(table, systemClock, cursorKey),
    deadLetters: openDeadLetters(config),
    launcher: absentLauncher,
  },
  transfers: createS3TransferSigner(openOwnBuckets(config), systemClock),
  keys: createDynamoApiKeyStore(table),
  limiter: createDynamoRateLimiter(table, systemClock),
  webhooks: createDynamoWebhookStore(table),
  calls: knowsSchedules() ? createCallScheduler(readScheduleConfig(), systemClock) : undefined,
  settings: {
    ...readDoorConfig(),
    patienceMs,
    watchMs: 500,
    buffered: true,
    checkResponses: config.env !== "prod",
  },
};

export const handler = instrument("api", (telemetry) => createHandler(deps, telemetry));
