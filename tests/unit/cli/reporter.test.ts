import { expect, test } from "vitest";
import { buildBar, createProgressView } from "../../../cli/progress-view.ts";
import { createReporter, type ReporterOptions } from "../../../cli/reporter.ts";
import { MixdownError } from "../../../core/errors.ts";

function open(options: Partial<ReporterOptions> & { readonly terminal?: boolean } = {}) {
  let out = "";
  let err = "";
  const { terminal = false, ...rest } = options;
  const reporter = createReporter({
    stdout: { write: (text) => (out += text) },
    stderr: { write: (text) => (err += text), isTTY: terminal, columns: 80 },
    quiet: false,
    json: false,
    noColor: false,
    dumb: false,
    ...rest,
  });
  return { reporter, out: () => out, err: () => err };
}

const usage = new MixdownError("usage_invalid", { message: "--x is 1; allowed is 2." });
const fault = new MixdownError("platform_ffmpeg_failed", { message: "ffmpeg ended with exit code 1." });

test("fails when progress, notes or warnings reach stdout", () => {
  const { reporter, out, err } = open();
  reporter.note("a note");
  reporter.warn("a warning");
  reporter.progress("talk.mp3", "processing", 50);
  reporter.fail(usage);
  expect(out()).toBe("");
  expect(err()).toBe("a note\nwarning: a warning\nerror: --x is 1; allowed is 2.\n");
});

test("fails when --quiet lets anything but an error through", () => {
  const { reporter, err } = open({ quiet: true, terminal: true, noColor: true });
  reporter.note("a note");
  reporter.warn("a warning");
  reporter.progress("talk.mp3", "processing", 50);
  reporter.fail(usage);
  expect(err()).toBe("error: --x is 1; allowed is 2.\n");
});

test("fails when --json and --quiet together write to stderr, or --json alone hides the sentence", () => {
  const both = open({ quiet: true, json: true });
  both.reporter.fail(usage);
  expect(both.err()).toBe("");
  const alone = open({ json: true });
  alone.reporter.fail(usage);
  expect(alone.err()).not.toBe("");
});

test("fails when --json prints tables, or tables print JSON", () => {
  const json = open({ json: true });
  json.reporter.print("a table");
  json.reporter.printJson({ status: "succeeded" });
  json.reporter.printJson({ n: 1 }, { lines: true });
  expect(json.out()).toBe('{\n  "status": "succeeded"\n}\n{"n":1}\n');
  const plain = open();
  plain.reporter.print("a table");
  plain.reporter.printJson({ status: "succeeded" });
  expect(plain.out()).toBe("a table\n");
});

test("fails when a fault of the platform comes without a remedy", () => {
  const { reporter, err } = open();
  reporter.fail(fault);
  expect(err()).toBe(`error: ffmpeg ended with exit code 1.\nhint: ${fault.hint}\n`);
});

test("fails when color appears without a terminal or in spite of NO_COLOR", () => {
  const texts = [{}, { terminal: true, noColor: true }, { terminal: true, dumb: true }, { terminal: true }].map(
    (options) => {
      const { reporter, err } = open(options);
      reporter.fail(usage);
      return err();
    },
  );
  expect(texts.map((text) => text.includes("\x1b["))).toEqual([false, false, false, true]);
});

test("fails when a name's control characters reach the terminal", () => {
  const { reporter, out, err } = open();
  reporter.note("\x1b[31mred\x07\x9b.mp3\r");
  reporter.print("a\x1bb");
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
  expect(err() + out()).not.toMatch(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/);
});

test("fails when a bar stays behind a line of text", () => {
  const { reporter, err } = open({ terminal: true, noColor: true });
  reporter.progress("talk.mp3", "processing", 50);
  reporter.note("a note");
  expect(err().endsWith("\r\x1b[2Ka note\n")).toBe(true);
});

test("fails when a bar is wider than the terminal, whatever the name", () => {
  for (const columns of [20, 40, 60, 80, 200]) {
    for (const label of ["a.mp3", "x".repeat(300)]) {
      for (const percent of [0, 42.7, 100, 130])
        expect(buildBar(label, "processing", percent, columns).length).toBeLessThan(columns);
    }
  }
  expect(buildBar("a.mp3", "processing", 42.7, 80)).toContain(" 42 %");
});

test("fails when a log is flooded, or a new phase is not told", () => {
  let written = "";
  let now = 0;
  const view = createProgressView({ write: (text) => (written += text) }, false, () => now);
  for (let percent = 0; percent <= 100; percent += 0.5) {
    view.show("a.mp3", percent < 1 ? "probing" : "processing", percent);
    now += 100;
  }
  const lines = written.trim().split("\n");
  expect(lines[0]).toBe("a.mp3: processing");
  expect(lines.length).toBeGreaterThan(5);
  expect(lines.length).toBeLessThan(15);
});

test("fails when what takes less than a second leaves lines in a log", () => {
  let written = "";
  let now = 0;
  const view = createProgressView({ write: (text) => (written += text) }, false, () => now);
  for (let percent = 0; percent <= 100; percent += 10) {
    view.show("a.mp3", "processing", percent);
    now += 90;
  }
  expect(written).toBe("");
});

test("fails when a bar is drawn more often than anyone can see", () => {
  let writes = 0;
  let now = 0;
  const view = createProgressView({ write: () => writes++, columns: 80 }, true, () => now);
  for (let percent = 0; percent < 100; percent += 0.1) {
    view.show("a.mp3", "processing", percent);
    now += 1;
  }
  expect(writes).toBeGreaterThan(10);
  expect(writes).toBeLessThan(40);
});
