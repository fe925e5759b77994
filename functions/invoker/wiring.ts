import { readAwsConfig } from "../../config/aws.ts";
import { instrument } from "../telemetry.ts";
import { openDeadLetters, openLauncher, openWorkPlatform } from "../wiring.ts";
import { createHandler } from "./handler.ts";

const config = readAwsConfig();
const platform = {
  ...openWorkPlatform(config),
  deadLetters: openDeadLetters(config),
  launcher: openLauncher(config),
};

export const handler = instrument("invoker", (telemetry) => createHandler(platform, telemetry));
