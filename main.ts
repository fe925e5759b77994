import { readEnvironment } from "./config/environments.ts";
import { buildMonthlyFloor, formatMonthlyFloor } from "./core/cost.ts";
import { exitCodeOf, MixdownError } from "./core/errors.ts";
import { createStacks, synthesize } from "./stacks/index.ts";
import { countStandingParts } from "./stacks/standing-parts.ts";

try {
  const environment = readEnvironment();
  const { app } = createStacks({ environment, bundles: "dist/functions" });
  synthesize(app);
  const floor = buildMonthlyFloor(countStandingParts(app));
  process.stdout.write(`${formatMonthlyFloor(environment.name, floor)}\n`);
} catch (thrown) {
  // What a person can correct is one sentence; the rest keeps its stack.
  if (!(thrown instanceof MixdownError)) throw thrown;
  process.stderr.write(`${thrown.message}\n`);
  process.exitCode = exitCodeOf(thrown.code);
}
