import { readAwsConfig } from "../../config/aws.ts";
import { readUploadRecipe } from "../../config/functions.ts";
import { instrument } from "../telemetry.ts";
import { openWorkPlatform } from "../wiring.ts";
import { createHandler } from "./handler.ts";

const platform = openWorkPlatform(readAwsConfig());
const recipe = readUploadRecipe();

export const handler = instrument("uploads", (telemetry) => createHandler(platform, recipe, telemetry));
