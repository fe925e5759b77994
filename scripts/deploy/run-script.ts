import { exitCodeOf, MixdownError } from "../../core/errors.ts";
import { type Interrupt, listenForInterrupt } from "./interrupt.ts";
import { say } from "./say.ts";
import { Workspace } from "./workspace.ts";

export interface Script<Options> {
  readonly usage: string;
  /** @returns null when only the usage was asked for */
  readonly parse: (args: readonly string[], env: NodeJS.ProcessEnv) => Options | null;
  /** @returns what goes to stdout */
  readonly run: (workspace: Workspace, options: Options, interrupt: Interrupt) => Promise<string | undefined>;
}

/**
 * Runs a script in the folder it was started in, alone there. What a person can correct is one sentence and an exit code
 * of the table in core/errors.ts.
 */
export async function runScript<Options extends { readonly env: string; readonly region: string | undefined }>(
  args: readonly string[],
  { usage, parse, run }: Script<Options>,
): Promise<void> {
  // Ctrl-C ends what the output is piped to before it ends us; Terraform is waited for all the same.
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {});
  try {
    const options = parse(args, process.env);
    if (options === null) return void process.stdout.write(`${usage}\n`);
    const region = options.region === undefined ? {} : { MIXDOWN_REGION: options.region };
    const workspace = new Workspace(process.cwd(), options.env, { ...process.env, ...region });
    // The adapters' clients read it from there, as they do in a function.
    process.env.AWS_REGION = workspace.readSettings().region;
    const unlock = workspace.lock();
    const interrupt = listenForInterrupt();
    try {
      const lines = await run(workspace, options, interrupt);
      if (lines !== undefined) process.stdout.write(`${lines}\n`);
    } finally {
      interrupt.close();
      unlock();
    }
  } catch (thrown) {
    tell(MixdownError.from(thrown), thrown);
  }
}

function tell(error: MixdownError, thrown: unknown): void {
  say(`\n${error.message}`);
  // What nobody foresaw keeps its stack.
  if (!(thrown instanceof MixdownError) && thrown instanceof Error) say(thrown.stack ?? "");
  process.exitCode = exitCodeOf(error.code);
}
