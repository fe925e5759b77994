import fc from "fast-check";
import { expect, test } from "vitest";
import { mayRead, rawKey, safeName } from "../../../core/object-keys.ts";

test.each([
  ["local", "raw/local/1/a.wav", true],
  ["acme", "raw/local/1/a.wav", false],
  ["acme", "raw/acme/1/a.wav", true],
  ["local", "outputs/job-1/run/a.wav", true],
  ["acme", "outputs/job-1/run/a.wav", false],
  ["acme", "outputs/acme.job-1/run/a.wav", true],
  ["local", "outputs/acme.job-1/run/a.wav", false],
  ["local", "cache/abc/a.wav", false],
  ["local", "legacy/upload.mp3", true],
  ["local", "raw/upload.mp3", true],
  ["acme", "raw/upload.mp3", false],
  ["acme", "legacy/upload.mp3", false],
])("fails when %s reads %s unless it may: %s", (owner, key, allowed) => {
  expect(mayRead(owner, key, "local")).toBe(allowed);
});

test("fails when a file name can leave its folder, be empty or grow without bound", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 500 }), (name) => {
      const safe = safeName(name);
      expect(safe).not.toMatch(/[/\\\p{Cc}]/u);
      expect(safe.startsWith(".")).toBe(false);
      expect(safe.length).toBeGreaterThan(0);
      expect(safe.length).toBeLessThanOrEqual(200);
      expect(rawKey("o", "u", name).split("/")).toHaveLength(4);
    }),
  );
});

test("fails when an ordinary name is changed or a long one loses its extension", () => {
  expect(safeName("Folge 12 – Interview.mp3")).toBe("Folge 12 – Interview.mp3");
  expect(safeName(`${"x".repeat(300)}.flac`)).toMatch(/x\.flac$/);
});
