import type { MixdownError } from "../core/errors.ts";
import { createProgressView, type TextStream } from "./progress-view.ts";

export interface ReporterOptions {
  readonly stdout: TextStream;
  readonly stderr: TextStream;
  /** No progress, notes and warnings; an error is still told. */
  readonly quiet: boolean;
  /** One JSON document on stdout instead of tables. */
  readonly json: boolean;
  readonly noColor: boolean;
  /** No bars, whatever stderr is. */
  readonly dumb: boolean;
}

/** stdout carries data, stderr everything a person is told meanwhile. */
export interface Reporter {
  readonly json: boolean;
  /** Lines for a person on stdout; nothing with --json. */
  print(text: string): void;
  /** A document, or one line of NDJSON, on stdout; nothing without --json. */
  printJson(document: unknown, options?: { readonly lines: boolean }): void;
  note(text: string): void;
  warn(text: string): void;
  /** One sentence on stderr; with --json and --quiet together the document alone tells it. */
  fail(error: MixdownError): void;
  /** `percent` 0-100; `label` is what is being worked on. */
  progress(label: string, phase: string, percent: number): void;
  /** Clears the bar before other output, and forgets what was shown. */
  endProgress(): void;
}

export function createReporter(options: ReporterOptions): Reporter {
  const { stdout, stderr, quiet, json } = options;
  const onTerminal = stderr.isTTY === true && !options.dumb;
  const color = onTerminal && !options.noColor;
  const paint = (code: number, text: string): string => (color ? `\x1b[${code}m${text}\x1b[0m` : text);
  const view = createProgressView(stderr, onTerminal);
  const tell = (text: string): void => {
    view.clear();
    stderr.write(`${text}\n`);
  };
  return {
    json,
    print: (text) => {
      if (json) return;
      view.clear();
      stdout.write(`${showSafely(text)}\n`);
    },
    printJson: (document, { lines } = { lines: false }) => {
      if (!json) return;
      view.clear();
      stdout.write(`${JSON.stringify(document, null, lines ? 0 : 2)}\n`);
    },
    note: (text) => {
      if (!quiet) tell(showSafely(text));
    },
    warn: (text) => {
      if (!quiet) tell(`${paint(33, "warning:")} ${showSafely(text)}`);
    },
    fail: (error) => {
      if (quiet && json) return view.clear();
      // A name may hold line breaks; what it says in the next line is not ours.
      tell(`${paint(31, "error:")} ${showSafely(error.message.replaceAll("\n", "\uFFFD"))}`);
      // A user's own mistake carries its remedy in the sentence; the platform's may come without.
      if (error.source === "platform" && !quiet && !/[.;] /.test(error.message)) tell(`hint: ${error.hint}`);
    },
    progress: (label, phase, percent) => {
      if (!quiet) view.show(showSafely(label), phase, percent);
    },
    endProgress: () => view.end(),
  };
}

/** Names of files reach the terminal: control characters in them must not. */
export const showSafely = (text: string): string => text.replace(/[^\P{Cc}\n\t]/gu, "\uFFFD");
