import { destroyUsage, parseDestroyOptions } from "./deploy/options.ts";
import { runDestroy } from "./deploy/run-destroy.ts";
import { runScript } from "./deploy/run-script.ts";

/** Takes an environment down: `npm run destroy -- --env dev`. See docs/teardown.md. */
await runScript(process.argv.slice(2), {
  usage: destroyUsage,
  parse: parseDestroyOptions,
  run: runDestroy,
});
