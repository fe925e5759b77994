import type { ErrorDocument } from "../core/errors.ts";
import type { Measurement, Report, Warning } from "../core/report.ts";
import type { LocalResult } from "./local-run.ts";

/** What became of one output. */
export type LocalOutcome = { readonly input: string } & (
  | { readonly result: LocalResult; readonly error?: undefined }
  | { readonly error: ErrorDocument; readonly result?: undefined }
);

/** A report as the CLI shows it: `before` is the one input's measurement, or a list of them where a kind joins many. */
type ShownReport = Omit<Report, "before"> & { readonly before: Measurement | readonly Measurement[] | null };

const showReport = (report: Report | null, single: boolean): ShownReport | null =>
  report === null ? null : { ...report, before: single ? (report.before[0] ?? null) : report.before };

/** One outcome as it stands in the document of --json. */
function buildEntry(outcome: LocalOutcome, single: boolean) {
  if (outcome.error !== undefined) {
    return { status: "failed", outputs: [], report: null, warnings: [] as readonly Warning[], error: outcome.error };
  }
  const { outputs, report, warnings, engine } = outcome.result;
  return { status: "succeeded", outputs, report: showReport(report, single), warnings, engine };
}

/**
 * The document of --json. With several outcomes `results` has one entry for each, in the order of the inputs, and the
 * rest sums them up: the first error, all outputs.
 */
export function buildDocument(outcomes: readonly LocalOutcome[], { single }: { readonly single: boolean }): object {
  const [only, ...others] = outcomes;
  if (only !== undefined && others.length === 0) return buildEntry(only, single);
  const results = outcomes.map((outcome) => ({ input: outcome.input, ...buildEntry(outcome, single) }));
  const error = outcomes.find((outcome) => outcome.error !== undefined)?.error;
  return {
    status: error === undefined ? "succeeded" : "failed",
    outputs: results.flatMap((result) => result.outputs),
    report: null,
    warnings: results.flatMap((result) => result.warnings),
    results,
    ...(error === undefined ? {} : { error }),
  };
}
