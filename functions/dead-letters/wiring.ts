import { readAwsConfig } from "../../config/aws.ts";
import { instrument } from "../telemetry.ts";
import { openDeadLetters, openWorkPlatform } from "../wiring.ts";
import { createHandler } from "./handler.ts";

const config = readAwsConfig();
const platform = { ...openWorkPlatform(config), deadLetters: openDeadLetters(config) };

export const handler = instrument("dead-letters", (telemetry) => createHandler(platform, telemetry));
