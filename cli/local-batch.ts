import { exitCodeOf, MixdownError } from "../core/errors.ts";
import { buildDocument, type LocalOutcome } from "./local-document.ts";
import { type LocalResult, type LocalWork, openToolchain, runLocal } from "./local-run.ts";
import type { OutputPlan } from "./output-file.ts";
import { formatBytes, formatReport } from "./report-table.ts";
import type { Reporter } from "./reporter.ts";
import type { Session } from "./session.ts";

export interface BatchOptions {
  /** The kind takes one input, so `report.before` is one measurement. */
  readonly single: boolean;
  /** The outputs' names are ours, and have to be said. */
  readonly unnamed: boolean;
}

/** Runs works here. @returns the exit code of the first failure, or 0 */
export async function runBatch<Params>(
  works: readonly (LocalWork<Params> & { readonly given: string })[],
  session: Session,
  options: BatchOptions,
): Promise<number> {
  for (const { output } of works) refuseStdout(output, session.reporter);
  const tools = await openToolchain(session);
  return runEach(works, session, options, (work) => runLocal(work, tools, session));
}

/**
 * Runs works one after the other; one that fails does not keep the others from being done.
 * @returns the exit code of the first failure, or 0
 */
export async function runEach<Work extends Omit<LocalWork<never>, "recipe" | "params"> & { readonly given: string }>(
  works: readonly Work[],
  session: Session,
  options: BatchOptions,
  runOne: (work: Work) => Promise<LocalResult>,
): Promise<number> {
  const { reporter, signal } = session;
  for (const { output } of works) refuseStdout(output, reporter);
  const outcomes: LocalOutcome[] = [];
  for (const work of works) {
    try {
      if (options.unnamed && work.output.type === "file")
        reporter.note(`${work.label}: no -o, so it becomes ${showPlan(work.output)}`);
      const result = await runOne(work);
      outcomes.push({ input: work.given, result });
      announce(work, result, session);
    } catch (thrown) {
      const error = MixdownError.from(thrown);
      outcomes.push({ input: work.given, error: error.toDocument() });
      reporter.fail(error);
    }
    if (signal.aborted) break;
  }
  reporter.printJson(buildDocument(outcomes, options));
  const failed = outcomes.find((outcome) => outcome.error !== undefined)?.error;
  return failed === undefined ? 0 : exitCodeOf(failed.code);
}

const showPlan = ({ shown, format }: OutputPlan): string => (format === undefined ? `${shown}.*` : shown);

/** @throws MixdownError `usage_invalid` where stdout would carry what nobody can read */
export function refuseStdout(output: OutputPlan, reporter: Reporter): void {
  if (output.type === "file" || output.path !== null) return;
  if (reporter.json) {
    throw new MixdownError("usage_invalid", {
      message:
        "stdout cannot carry both the result and the document of --json. Name a file with -o, or leave --json out.",
    });
  }
  if (process.stdout.isTTY) {
    throw new MixdownError("usage_invalid", {
      message: "The result would be written to the terminal. Name a file with -o, or pipe stdout into something.",
    });
  }
}

function announce(
  { label, output }: Pick<LocalWork<unknown>, "label" | "output">,
  result: LocalResult,
  { reporter }: Session,
): void {
  for (const warning of result.warnings)
    if (warning.code !== "ffmpeg_old") reporter.warn(`${label}: ${warning.detail}`);
  const written = result.outputs.map((file) => `${file.path} (${formatBytes(file.sizeBytes)})`).join(", ");
  const text = `${label} → ${written}${result.report === null ? "" : `\n${formatReport(result.report)}`}`;
  if (output.type === "stream" && output.path === null) reporter.note(text);
  else reporter.print(text);
}
