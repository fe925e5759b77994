import { deployUsage, parseDeployOptions } from "./deploy/options.ts";
import { runDeploy } from "./deploy/run-deploy.ts";
import { runScript } from "./deploy/run-script.ts";

/** The first deployment, and each one after it: `npm run deploy -- --env dev`. See docs/deploy.md. */
await runScript(process.argv.slice(2), {
  usage: deployUsage,
  parse: parseDeployOptions,
  run: runDeploy,
});
