import { readAwsConfig } from "../../config/aws.ts";
import { instrument } from "../telemetry.ts";
import { openWorkPlatform } from "../wiring.ts";
import { createHandler } from "./handler.ts";

const platform = openWorkPlatform(readAwsConfig());

export const handler = instrument("task-state", (telemetry) => createHandler(platform, telemetry));
