import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { Readable } from "node:stream";
import { afterEach, beforeEach, expect, test } from "vitest";
import { parseInputs, spoolStdin } from "../../../cli/input-file.ts";
import { MixdownError } from "../../../core/errors.ts";

let dir = "";
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "mixdown-input-"));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

test("fails when an address is taken for a file", () => {
  for (const address of ["https://a.example/x.mp3", "s3://bucket/x.mp3", "HTTP://a/x", "ftp://a/x", "file:///x.mp3"]) {
    expect(() => parseInputs([address]), address).toThrow(expect.objectContaining({ code: "usage_remote_input" }));
  }
});

test("fails when an odd name is taken for an address, an option or a protocol", () => {
  for (const name of ["c:talk.mp3", "-x.mp3", "ta lk.mp3", `it's "ü" 音.mp3`, "pipe:0", "concat:a|b", "%03d.wav"]) {
    expect(parseInputs([name])).toEqual([{ given: name, name, path: resolve(name) }]);
  }
});

test("fails when stdin may be read twice, or a name may be empty", () => {
  expect(() => parseInputs(["-", "-"])).toThrow(MixdownError);
  expect(() => parseInputs([""])).toThrow(MixdownError);
  expect(parseInputs(["a", "-"]).map((input) => input.path)).toEqual([resolve("a"), null]);
});

test("fails when stdin does not arrive whole", async () => {
  const bytes = Buffer.alloc(300_000, "abc");
  const path = await spoolStdin(
    Readable.from([bytes.subarray(0, 7), bytes.subarray(7)]),
    dir,
    AbortSignal.timeout(5_000),
  );
  expect(readFileSync(path).equals(bytes)).toBe(true);
});

test("fails when a terminal is waited for", async () => {
  const terminal = Object.assign(Readable.from([]), { isTTY: true });
  await expect(spoolStdin(terminal, dir, AbortSignal.timeout(5_000))).rejects.toMatchObject({ code: "usage_invalid" });
});

test("fails when an interrupt does not end the waiting for stdin", async () => {
  const controller = new AbortController();
  const endless = new Readable({ read() {} });
  const spooling = spoolStdin(endless, dir, controller.signal);
  controller.abort(new Error("stop"));
  await expect(spooling).rejects.toThrow();
});
