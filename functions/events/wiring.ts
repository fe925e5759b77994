import { createEventBridgePublisher } from "../../adapters/aws/event-publisher.ts";
import { readOutboxItem } from "../../adapters/aws/outbox.ts";
import { readBusConfig } from "../../config/aws.ts";
import { instrument } from "../telemetry.ts";
import { createHandler } from "./handler.ts";

const deps = { publisher: createEventBridgePublisher(readBusConfig().bus), readItem: readOutboxItem };

export const handler = instrument("events", (telemetry) => createHandler(deps, telemetry));
