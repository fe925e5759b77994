import { expect, test } from "vitest";
import { checkInputRule } from "../../../../core/kinds/input-rule.ts";

const narration = { role: "narration" };
const music = { role: "music" };

test("fails when a mix of narration and one music is refused, in whatever order", () => {
  expect(() => checkInputRule("mix", [music, narration, narration])).not.toThrow();
});

test.each([
  [[narration, {}], /inputs\.1\.role is missing.*narration, music/],
  [[narration, { role: "bed" }], /"bed".*narration, music/],
  [[narration, narration], /exactly 1 with the role music \(received 0\)/],
  [[narration, music, music], /exactly 1 with the role music \(received 2\)/],
  [[music], /2 to 1000/],
])("fails when the inputs %j are accepted for a mix, or the sentence does not say what is allowed", (inputs, words) => {
  expect(() => checkInputRule("mix", inputs)).toThrow(expect.objectContaining({ code: "usage_invalid" }));
  expect(() => checkInputRule("mix", inputs)).toThrow(words);
});

test("fails when a kind without roles takes one", () => {
  expect(() => checkInputRule("clean", [music])).toThrow(/clean knows these roles: none/);
  expect(() => checkInputRule("clean", [{}])).not.toThrow();
});

test("fails when too many inputs are not told as such", () => {
  const many = Array.from({ length: 1_001 }, () => ({}));
  expect(() => checkInputRule("stitch", many)).toThrow(expect.objectContaining({ code: "limit_inputs" }));
});
