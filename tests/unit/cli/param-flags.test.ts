import { Command } from "commander";
import { expect, test } from "vitest";
import { addParamFlags, buildParamFlags, parseChoice, parseNumber, readParams } from "../../../cli/param-flags.ts";
import { MixdownError } from "../../../core/errors.ts";
import { type KindName, kindNames, kinds } from "../../../core/kinds/index.ts";

/** The params that a command line of `kind` gives. */
function parse(kind: KindName, ...argv: readonly string[]): Record<string, unknown> {
  const command = new Command().exitOverride().configureOutput({ outputError: () => {} });
  addParamFlags(command, kind);
  command.parse(argv, { from: "user" });
  return readParams(kind, command.opts());
}

const refusal = (run: () => unknown): MixdownError => {
  try {
    run();
  } catch (error) {
    if (error instanceof MixdownError) return error;
  }
  throw new Error("nothing was refused");
};

test("fails when a parameter of a kind has no flag, or two share one", () => {
  for (const kind of kindNames) {
    const flags = buildParamFlags(kind);
    expect(flags.map((flag) => flag.param)).toEqual(Object.keys(kinds[kind].params.shape));
    expect(new Set(flags.map((flag) => flag.flag)).size).toBe(flags.length);
  }
});

test("fails when a flag has another name than the documented one", () => {
  const flagsOf = (kind: KindName) => buildParamFlags(kind).map((flag) => flag.flag);
  expect(flagsOf("clean")).toEqual([
    "--loudness",
    "--ceiling",
    "--no-denoise",
    "--trim-silence",
    "--strict",
    "--format",
  ]);
  expect(flagsOf("stitch")).toEqual(["--gap-ms", "--crossfade-ms", "--match-loudness", "--join", "--format"]);
  expect(flagsOf("mix").slice(0, 7)).toEqual([
    ...["--duck-db", "--music-offset", "--pre-roll", "--post-roll", "--music-lufs-below", "--loudness", "--ceiling"],
  ]);
});

test("fails when help shows another default or range than the schema's", () => {
  const [loudness, , denoise] = buildParamFlags("clean");
  expect(loudness?.help).toContain("(-40 to -8; default -16)");
  expect(loudness?.usage).toBe("--loudness <lufs>");
  expect(denoise?.help).toMatch(/^Do not reduce noise/);
  const join = buildParamFlags("stitch").find((flag) => flag.param === "join");
  expect(join?.help).toContain("(auto, exact, fast; default auto)");
});

test("fails when no flag at all gives other params than the kind's defaults", () => {
  for (const kind of kindNames) expect(parse(kind)).toEqual(kinds[kind].params.parse({}));
});

test("fails when flags do not reach their parameters", () => {
  const given = ["--loudness", "-19.5", "--ceiling=-2", "--no-denoise", "--trim-silence", "--strict"];
  expect(parse("clean", ...given)).toEqual({
    loudnessLufs: -19.5,
    ceilingDbtp: -2,
    denoise: false,
    trimSilence: true,
    strict: true,
  });
  expect(parse("stitch", "--crossfade-ms", "250", "--match-loudness", "--join", "exact")).toMatchObject({
    crossfadeMs: 250,
    matchLoudness: true,
    join: "exact",
  });
});

test("fails when a value outside the range is taken, or the sentence lacks flag, value or range", () => {
  for (const value of ["-41", "-7.9", "loud", "", "-16,5", "0x10", "Infinity", "NaN", "1e1"]) {
    const error = refusal(() => parse("clean", "--loudness", value));
    expect(error.code).toBe("usage_invalid");
    expect(error.message).toBe(`--loudness is ${JSON.stringify(value)}; allowed is a number from -40 to -8 LUFS.`);
  }
  expect(parse("clean", "--loudness", "-40")).toMatchObject({ loudnessLufs: -40 });
  expect(parse("clean", "--loudness", "-8")).toMatchObject({ loudnessLufs: -8 });
});

test("fails when the minus sign of printed text is refused", () => {
  expect(parseNumber("--loudness", "\u221216", { min: -40, max: -8 })).toBe(-16);
});

test("fails when minus zero or a fraction slips through", () => {
  expect(Object.is(parseNumber("--ceiling", "-0", { min: -9, max: 0 }), 0)).toBe(true);
  expect(refusal(() => parseNumber("--limit", "1.5", { min: 1, max: 9, whole: true })).message).toContain(
    "whole number",
  );
});

test("fails when an unknown choice is taken", () => {
  expect(refusal(() => parse("stitch", "--join", "slow")).message).toBe(
    '--join is "slow"; allowed is one of auto, exact, fast.',
  );
  expect(parseChoice("--bits", "16", ["8", "16"])).toBe("16");
});

test("fails when a rule between parameters speaks of their JSON names", () => {
  const error = refusal(() => parse("stitch", "--gap-ms", "5", "--crossfade-ms", "5"));
  expect(error.code).toBe("usage_invalid");
  expect(error.message).toContain("--gap-ms and --crossfade-ms exclude each other");
  expect(error.message).not.toMatch(/gapMs|crossfadeMs/);
});
