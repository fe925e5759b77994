import { readEnvironment } from "./config/environments.ts";
import { exitCodeOf, MixdownError } from "./core/errors.ts";
import { createStacks } from "./stacks/index.ts";

try {
  const environment = readEnvironment();
  createStacks({ environment, bundles: "dist/functions" }).app.synth();
} catch (thrown) {
  // The generator's own mistakes keep their stack; what a person can correct is one sentence.
  if (!(thrown instanceof MixdownError)) throw thrown;
  process.stderr.write(`${thrown.message}\n`);
  process.exitCode = exitCodeOf(thrown.code);
}
