import { createDynamoApiKeyStore } from "../../adapters/aws/api-key-store.ts";
import { systemClock } from "../../adapters/embedded/clock.ts";
import { readAwsConfig } from "../../config/aws.ts";
import { readDoorConfig } from "../../config/functions.ts";
import { instrument } from "../telemetry.ts";
import { openOwnTable, readSettings } from "../wiring.ts";
import { createHandler } from "./handler.ts";

const config = readAwsConfig();
const deps = {
  platform: { clock: systemClock, settings: readSettings(config) },
  keys: createDynamoApiKeyStore(openOwnTable(config)),
  settings: readDoorConfig(),
};

export const handler = instrument("authorizer", (telemetry) => createHandler(deps, telemetry));
