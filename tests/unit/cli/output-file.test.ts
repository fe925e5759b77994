import { linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { parseInputs } from "../../../cli/input-file.ts";
import { type OutputRequest, planOutputs } from "../../../cli/output-file.ts";
import { MixdownError } from "../../../core/errors.ts";

const formats = ["wav", "flac", "mp3", "m4a", "opus", "mp4"];
let dir = "";
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "mixdown-output-"));
  for (const name of ["a.mp3", "b.mp3", "c.ogg", "TALK.WAV"]) writeFileSync(join(dir, name), name);
  mkdirSync(join(dir, "out"));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const at = (name: string): string => join(dir, name);
const plan = (names: readonly string[], out?: string, more: Partial<OutputRequest> = {}) =>
  planOutputs({ command: "clean", inputs: parseInputs(names), each: true, out, formats, ...more });
const shown = (...args: Parameters<typeof plan>): readonly string[] => plan(...args).map((each) => each.shown);
function codeOf(...args: Parameters<typeof plan>): string {
  try {
    plan(...args);
  } catch (error) {
    if (error instanceof MixdownError) return error.code;
    throw error;
  }
  return "none";
}

test("fails when an output without -o is not NAME.clean.EXT beside its input", () => {
  expect(shown([at("a.mp3"), at("TALK.WAV")])).toEqual([at("a.clean.mp3"), at("TALK.clean.WAV")]);
});

test("fails when a folder does not give one output each, under the same name", () => {
  expect(shown([at("a.mp3"), at("b.mp3")], at("out"))).toEqual([at("out/a.mp3"), at("out/b.mp3")]);
  expect(plan([at("a.mp3")], `${at("new")}/`)).toEqual([
    { type: "file", shown: at("new/a.mp3"), format: "mp3", newFolder: at("new") },
  ]);
});

test("fails when several inputs are taken for one file", () => {
  expect(codeOf([at("a.mp3"), at("b.mp3")], at("out.mp3"))).toBe("usage_invalid");
  expect(codeOf([at("a.mp3"), at("b.mp3")], "-")).toBe("usage_invalid");
});

test("fails when one file for many inputs may be a folder", () => {
  expect(codeOf([at("a.mp3"), at("b.mp3")], at("out"), { each: false })).toBe("usage_invalid");
  expect(shown([at("a.mp3"), at("b.mp3")], at("all.wav"), { each: false })).toEqual([at("all.wav")]);
});

test("fails when two inputs may become one file", () => {
  mkdirSync(at("other"));
  writeFileSync(at("other/a.mp3"), "");
  writeFileSync(at("c.aac"), "");
  writeFileSync(at("c.m4a"), "");
  expect(codeOf([at("a.mp3"), at("other/a.mp3")], at("out"))).toBe("usage_invalid");
  expect(codeOf([at("a.mp3"), at("a.mp3")], at("out"))).toBe("usage_invalid");
  // Formats that the recipe is still to choose might be the same.
  expect(codeOf([at("c.ogg"), at("c.aac")], at("out"))).toBe("usage_invalid");
  expect(codeOf([at("c.ogg"), at("c.m4a")], at("out"))).toBe("usage_invalid");
  expect(codeOf([at("c.m4a"), at("c.ogg")], at("out"))).toBe("usage_invalid");
  expect(codeOf([at("a.mp3"), at("c.ogg")], at("out"))).toBe("none");
});

test("fails when the output may be the input, under whatever name", () => {
  symlinkSync(at("a.mp3"), at("soft.mp3"));
  linkSync(at("a.mp3"), at("hard.mp3"));
  symlinkSync(dir, at("out/loop"));
  for (const name of ["a.mp3", "soft.mp3", "hard.mp3", "out/loop/a.mp3", "out/../a.mp3"]) {
    expect(codeOf([at("a.mp3")], at(name)), name).toBe("usage_output_is_input");
  }
  expect(codeOf([at("a.mp3"), at("b.mp3")], dir)).toBe("usage_output_is_input");
  expect(codeOf([at("b.mp3"), at("a.mp3")], at("a.mp3"), { each: false })).toBe("usage_output_is_input");
  expect(codeOf([at("b.mp3")], at("a.mp3"))).toBe("none");
});

test("fails when a default name may replace another input", () => {
  writeFileSync(at("a.clean.mp3"), "");
  expect(codeOf([at("a.mp3"), at("a.clean.mp3")])).toBe("usage_output_is_input");
});

test("fails when a missing folder is not told before anything runs", () => {
  expect(codeOf([at("a.mp3")], at("nowhere/a.mp3"))).toBe("usage_output_folder_missing");
  expect(codeOf([at("a.mp3")], at("b.mp3/a.mp3"))).toBe("usage_output_folder_missing");
  expect(codeOf([at("a.mp3")], `${at("nowhere/deeper")}/`)).toBe("usage_output_folder_missing");
});

test("fails when an extension that cannot be written is not answered with those that can", () => {
  expect(() => plan([at("a.mp3")], at("a.xyz"))).toThrow(
    /ends in \.xyz.*\.wav, \.flac, \.mp3, \.m4a, \.opus, \.mp4\.$/,
  );
  expect(() => plan([at("a.mp3")], at("noextension"))).toThrow(/no extension/);
  expect(plan([at("a.mp3")], at("noextension"), { format: "flac" })).toMatchObject([{ format: "flac" }]);
  expect(plan([at("a.mp3")], at("LOUD.WAV"))).toMatchObject([{ format: "wav" }]);
});

test("fails when --format and the extension may contradict each other", () => {
  expect(codeOf([at("a.mp3")], at("x.wav"), { format: "mp3" })).toBe("usage_invalid");
  expect(shown([at("a.mp3"), at("c.ogg")], at("out"), { format: "flac" })).toEqual([
    at("out/a.flac"),
    at("out/c.flac"),
  ]);
});

test("fails when a format that only the recipe can choose is guessed", () => {
  expect(plan([at("c.ogg")])).toEqual([{ type: "file", shown: at("c.clean"), format: undefined, newFolder: null }]);
});

test("fails when stdin without -o does not go to stdout", () => {
  expect(plan(["-"])).toEqual([{ type: "stream", shown: "stdout", path: null, format: undefined }]);
});

test("fails when a device would be replaced by a file", () => {
  expect(plan([at("a.mp3")], "/dev/null")).toEqual([
    { type: "stream", shown: "/dev/null", path: "/dev/null", format: undefined },
  ]);
});

test("fails when a name too long for a file system is an internal error", () => {
  expect(codeOf([at("a.mp3")], at(`${"x".repeat(300)}.wav`))).toBe("usage_invalid");
});

test("fails when an empty -o is taken", () => {
  expect(codeOf([at("a.mp3")], "")).toBe("usage_invalid");
});
