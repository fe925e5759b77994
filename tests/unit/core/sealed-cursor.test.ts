import fc from "fast-check";
import { expect, test } from "vitest";
import { openCursor, sealCursor } from "../../../core/sealed-cursor.ts";

const key = Buffer.from("a key of a deployment");
const query = { owner: "local", status: null, kind: "clean" };

test("fails when a cursor is not read as it was made, or shows what it holds", () => {
  const cursor = sealCursor(key, query, "2026-05-01#episode-12");
  expect(openCursor(key, { kind: "clean", status: null, owner: "local" }, cursor)).toBe("2026-05-01#episode-12");
  expect(Buffer.from(cursor, "base64url").toString("latin1")).not.toContain("episode");
  expect(sealCursor(key, query, "2026-05-01#episode-12")).not.toBe(cursor);
});

test("fails when a cursor is good for another owner, another filter or another key", () => {
  const cursor = sealCursor(key, query, "x");
  const refused = expect.objectContaining({ code: "invalid_cursor" });
  expect(() => openCursor(key, { ...query, owner: "acme" }, cursor)).toThrow(refused);
  expect(() => openCursor(key, { ...query, kind: null }, cursor)).toThrow(refused);
  expect(() => openCursor(Buffer.from("another key"), query, cursor)).toThrow(refused);
});

test("fails when any change of a cursor, or anything made up, is read", () => {
  const cursor = sealCursor(key, query, "2026-05-01#episode-12");
  const bytes = Buffer.from(cursor, "base64url");
  const refused = expect.objectContaining({ code: "invalid_cursor" });
  for (let at = 0; at < bytes.length; at++) {
    const changed = Buffer.from(bytes);
    changed[at] = (changed[at] ?? 0) ^ 1;
    expect(() => openCursor(key, query, changed.toString("base64url"))).toThrow(refused);
  }
  for (let length = 0; length < bytes.length; length++) {
    expect(() => openCursor(key, query, bytes.subarray(0, length).toString("base64url"))).toThrow(refused);
  }
  fc.assert(
    fc.property(fc.string(), (made) => {
      expect(() => openCursor(key, query, made)).toThrow(refused);
    }),
  );
});
