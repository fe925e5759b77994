import { expect, test } from "vitest";
import { contentTypeOf, parseSources } from "../../../cli/upload-input.ts";

const parse = (...texts: readonly string[]) => parseSources(texts.map((text) => ({ text, role: undefined })));

test("fails when inputs of a job are mixed up or reordered", () => {
  expect(parse("a.wav", "job:01J/talk.mp3", "b.wav", "key:raw/local/1/x.mp3")).toMatchObject([
    { type: "file", file: { given: "a.wav" } },
    { type: "stored", input: { jobId: "01J", output: "talk.mp3" } },
    { type: "file", file: { given: "b.wav" } },
    { type: "stored", input: { key: "raw/local/1/x.mp3" } },
  ]);
});

test("fails when half an input is taken", () => {
  for (const text of ["job:01J", "job:/x", "job:01J/", "key:"]) {
    expect(() => parse(text), text).toThrow(expect.objectContaining({ code: "usage_invalid" }));
  }
  expect(() => parse("s3://bucket/x")).toThrow(expect.objectContaining({ code: "usage_remote_input" }));
});

test("fails when a file's type is another than its extension's", () => {
  expect(["a.MP3", "a.wav", "a.mp4", "a", "a.constructor"].map(contentTypeOf)).toEqual([
    "audio/mpeg",
    "audio/wav",
    "video/mp4",
    "application/octet-stream",
    "application/octet-stream",
  ]);
});

test("fails when an input loses its role", () => {
  const given = ["a.wav", "key:raw/local/1/bed.mp3", "job:01J/talk.mp3"].map((text, index) => ({
    text,
    role: `role${index}`,
  }));
  expect(parseSources(given)).toMatchObject([
    { file: { role: "role0" } },
    { input: { role: "role1" } },
    { input: { role: "role2" } },
  ]);
});
