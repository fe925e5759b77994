import { Command, CommanderError } from "commander";
import { readTerminalConfig } from "../config/terminal.ts";
import { exitCodeOf, MixdownError } from "../core/errors.ts";
import { mixdownVersion } from "../core/version.ts";
import { commandLoaders } from "./command-table.ts";
import { listenForInterrupts } from "./interrupt.ts";
import { createReporter } from "./reporter.ts";
import { examples, type Session } from "./session.ts";

/** Runs one command line and ends the process with its exit code. */
export async function runCli(argv: readonly string[]): Promise<void> {
  const stdoutFault = watchStreams();
  const words = argv.slice(0, argv.includes("--") ? argv.indexOf("--") : argv.length);
  const interrupts = listenForInterrupts();
  const reporter = createReporter({
    stdout: process.stdout,
    stderr: process.stderr,
    quiet: words.includes("--quiet") || words.includes("-q"),
    json: words.includes("--json"),
    ...readTerminalConfig(),
  });
  let exitCode = 0;
  const session: Session = {
    reporter,
    signal: interrupts.signal,
    action:
      (run) =>
      async (...args) => {
        exitCode = await run(...args);
      },
  };
  // Nothing is left that could end the work, and it has not ended: a child died and nobody was told. Still one sentence.
  process.once("beforeExit", () => {
    const message = "The work stopped before its end: one of its tools ended unheard. Run it again.";
    process.exit(report(new MixdownError("platform_internal", { message })));
  });
  try {
    const program = await buildProgram(words, session);
    if (words.some((word) => word === "--help" || word === "-h") || words[0] === "help") {
      findCommand(program, words).outputHelp();
    } else if (argv.length === 0) {
      program.outputHelp({ error: true });
      exitCode = exitCodeOf("usage_invalid");
    } else {
      await program.parseAsync(argv, { from: "user" });
    }
  } catch (thrown) {
    exitCode = report(thrown);
  }
  // What still holds a handle must not hold the caller; both streams are written out first.
  reporter.endProgress();
  await Promise.all([process.stdout, process.stderr].map((stream) => new Promise((done) => stream.write("", done))));
  const fault = stdoutFault();
  if (fault !== null && exitCode === 0) exitCode = report(fault);
  process.exit(interrupts.exitCode() ?? exitCode);

  function report(thrown: unknown): number {
    if (thrown instanceof CommanderError && thrown.exitCode === 0) return 0;
    // `mixdown submit`: its help has been printed as the answer.
    if (thrown instanceof CommanderError && thrown.code === "commander.help") return exitCodeOf("usage_invalid");
    const error = thrown instanceof CommanderError ? parseCommanderError(thrown, words) : MixdownError.from(thrown);
    reporter.endProgress();
    reporter.printJson({ status: "failed", outputs: [], report: null, warnings: [], error: error.toDocument() });
    reporter.fail(error);
    return exitCodeOf(error.code);
  }
}

async function buildProgram(words: readonly string[], session: Session): Promise<Command> {
  const program = new Command("mixdown")
    .description("Cleans, stitches and measures recordings: on files here, or as jobs of a platform.")
    .version(mixdownVersion, "-v, --version", "print the version")
    .helpOption("-h, --help", "print help, also of a command")
    .helpCommand(false)
    .exitOverride()
    // `report` says it, once, as everything else is said.
    .configureOutput({ outputError: () => {} })
    .configureHelp({ showGlobalOptions: false });
  for (const name of chooseCommands(words)) {
    const define = await commandLoaders[name]?.();
    // Subcommands take exitOverride and configureOutput over from here.
    define?.(program.command(name), session);
  }
  return program.addHelpText(
    "after",
    examples(
      "mixdown clean talk.mp3 -o talk.clean.mp3",
      "mixdown stitch intro.wav talk.mp3 outro.m4a -o episode.mp3 --gap-ms 500",
      "mixdown probe talk.mp3",
      "mixdown dev                      # the platform on this machine; then:",
      "mixdown submit clean talk.mp3 --wait",
    ),
  );
}

/** What to load: the command that is asked for; all for the help and for "did you mean"; none for the version. */
function chooseCommands(words: readonly string[]): readonly string[] {
  if (words[0] === "--version" || words[0] === "-v") return [];
  const first = words.find((word) => !word.startsWith("-") && word !== "help");
  return first !== undefined && Object.hasOwn(commandLoaders, first) ? [first] : Object.keys(commandLoaders);
}

function findCommand(program: Command, words: readonly string[]): Command {
  let command = program;
  for (const word of words) command = command.commands.find((candidate) => candidate.name() === word) ?? command;
  return command;
}

/** commander's two lines as one sentence with a remedy. */
function parseCommanderError(error: CommanderError, words: readonly string[]): MixdownError {
  const [first = "", ...rest] = error.message.replace(/^error: /, "").split("\n");
  const meant = rest.join(" ").replace(/^\(Did/, "(did");
  const command = Object.hasOwn(commandLoaders, words[0] ?? "") ? ` ${words[0]}` : "";
  const sentence = `${first.charAt(0).toUpperCase()}${first.slice(1).replace(/\.$/, "")}${meant === "" ? "" : ` ${meant}`}`;
  return new MixdownError("usage_invalid", {
    message: `${sentence}; \`mixdown${command} --help\` shows what there is.`,
    cause: error,
  });
}

/**
 * A reader that has left (`mixdown jobs | head`) is no fault: the work goes on, unheard. Any other fault of stdout is
 * what the function gives at the end, since data is missing then.
 */
function watchStreams(): () => Error | null {
  let fault: Error | null = null;
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") fault = error;
  });
  process.stderr.on("error", () => {});
  return () => fault;
}
