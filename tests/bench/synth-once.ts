import { readEnvironment } from "../../config/environments.ts";
import { createStacks, synthesize } from "../../stacks/index.ts";

const [, , bundles = "", outdir = ""] = process.argv;
const environment = readEnvironment({ MIXDOWN_ENV: "test" });
synthesize(createStacks({ environment, bundles, outdir }).app);
