import fc from "fast-check";
import { expect, test } from "vitest";
import { buildCacheKey, contentIdentity } from "../../../core/cache-key.ts";
import { parseParams } from "../../../core/kinds/index.ts";
import type { ObjectInfo } from "../../../core/ports.ts";

const params = parseParams("stitch", {});
const keyOf = (contents: readonly string[], overrides: Partial<Parameters<typeof buildCacheKey>[0]> = {}) =>
  buildCacheKey({
    owner: "local",
    kind: "stitch",
    params,
    ffmpegMajor: 5,
    inputs: contents.map((content) => ({ content })),
    ...overrides,
  });
const content = fc.string({ minLength: 1 });

test("fails when [a, b] and [b, a] share a key", () => {
  fc.assert(
    fc.property(content, content, (a, b) => {
      fc.pre(a !== b);
      return keyOf([a, b]) !== keyOf([b, a]);
    }),
  );
});

test("fails when two different lists of inputs share a key, whatever they are cut into", () => {
  fc.assert(
    fc.property(fc.array(content), fc.array(content), (left, right) => {
      fc.pre(JSON.stringify(left) !== JSON.stringify(right));
      return keyOf(left) !== keyOf(right);
    }),
  );
});

test("fails when the order in which parameters are written changes the key, or their values do not", () => {
  expect(keyOf(["a"], { params: { x: 1, y: 2 } })).toBe(keyOf(["a"], { params: { y: 2, x: 1 } }));
  expect(keyOf(["a"], { params: { x: 1, y: 2 } })).not.toBe(keyOf(["a"], { params: { x: 1, y: 3 } }));
});

test("fails when owner, kind, role or ffmpeg's major version is left out of the key", () => {
  const base = keyOf(["a"]);
  expect(keyOf(["a"], { owner: "other" })).not.toBe(base);
  expect(keyOf(["a"], { owner: null })).not.toBe(base);
  expect(keyOf(["a"], { kind: "clean" })).not.toBe(base);
  expect(keyOf(["a"], { ffmpegMajor: 6 })).not.toBe(base);
  expect(keyOf([], { inputs: [{ content: "a", role: "music" }] })).not.toBe(base);
});

test("fails when a replaced file keeps its identity, with or without a verified hash", () => {
  const object = (overrides: Partial<ObjectInfo>): ObjectInfo => ({
    key: "raw/local/1/a.wav",
    sizeBytes: 10,
    etag: "e1",
    contentType: "audio/wav",
    sha256: null,
    modifiedAt: 0,
    ...overrides,
  });
  expect(contentIdentity(object({}))).not.toBe(contentIdentity(object({ etag: "e2" })));
  expect(contentIdentity(object({}))).not.toBe(contentIdentity(object({ sizeBytes: 11 })));
  expect(contentIdentity(object({}))).not.toBe(contentIdentity(object({ key: "raw/local/2/a.wav" })));
  expect(contentIdentity(object({ sha256: "aa" }))).not.toBe(contentIdentity(object({ sha256: "bb" })));
  // The same verified bytes under another name are the same content.
  expect(contentIdentity(object({ sha256: "aa" }))).toBe(
    contentIdentity(object({ sha256: "aa", key: "x", etag: "y" })),
  );
});
