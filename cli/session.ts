import type { Command } from "commander";
import type { Reporter } from "./reporter.ts";

/** What every command works with. */
export interface Session {
  readonly reporter: Reporter;
  /** Aborted by Ctrl-C and SIGTERM, with `platform_interrupted`. */
  readonly signal: AbortSignal;
  /** Wraps an action: its result is the exit code. */
  action<Args extends readonly unknown[]>(run: (...args: Args) => Promise<number>): (...args: Args) => Promise<void>;
}

/** Describes one command and what it does. Loading the module must be cheap: what is heavy is imported by the action. */
export type DefineCommand = (command: Command, session: Session) => void;

/** Flags that every command has. Their values are read before commander (program.ts), since errors need them too. */
export function addCommonFlags(command: Command): Command {
  return command
    .option("--json", "one JSON document on stdout instead of a table")
    .option("-q, --quiet", "no progress and no notes on stderr");
}

/** A block of examples for the end of a command's help. */
export const examples = (...lines: readonly string[]): string =>
  `\nExamples:\n${lines.map((line) => `  ${line}\n`).join("")}`;
