import { createCallScheduler } from "../../adapters/aws/call-scheduler.ts";
import { createDynamoWebhookStore } from "../../adapters/aws/webhook-store.ts";
import { systemClock } from "../../adapters/embedded/clock.ts";
import { createWebhookSender } from "../../adapters/http/webhook-sender.ts";
import { readAwsConfig, readScheduleConfig } from "../../config/aws.ts";
import { mayCallPrivate } from "../../config/functions.ts";
import { instrument } from "../telemetry.ts";
import { openOwnTable } from "../wiring.ts";
import { createHandler } from "./handler.ts";

const deps = {
  webhooks: createDynamoWebhookStore(openOwnTable(readAwsConfig())),
  // Several at once from one event, each with a time-out of its own well within the function's.
  sender: createWebhookSender({ allowPrivate: mayCallPrivate() }),
  clock: systemClock,
  calls: createCallScheduler(readScheduleConfig(), systemClock),
};

export const handler = instrument("webhooks", (telemetry) => createHandler(deps, telemetry));
