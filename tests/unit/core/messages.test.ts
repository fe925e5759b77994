import fc from "fast-check";
import { expect, test } from "vitest";
import { MixdownError } from "../../../core/errors.ts";
import { parseJobMessage } from "../../../core/messages.ts";

const parse = (body: unknown) => parseJobMessage(typeof body === "string" ? body : JSON.stringify(body), "local");

test("fails when one of the three accepted shapes is not understood", () => {
  expect(parse({ jobId: "a", attempt: 2 })).toEqual({ type: "wake", ref: { owner: "local", jobId: "a" }, attempt: 2 });
  expect(parse({ jobId: "a", attempt: 1, owner: "acme" })).toMatchObject({ ref: { owner: "acme", jobId: "a" } });
  expect(parse({ job_id: "a", s3_key: "x/y.mp3" })).toEqual({
    type: "submit",
    request: { jobId: "a", kind: "clean", inputs: [{ key: "x/y.mp3" }] },
  });
  const long = {
    kind: "stitch",
    inputs: [{ key: "a" }, { jobId: "b", output: "c.wav" }],
    params: { gapMs: 5 },
    metadata: { m: "1" },
  };
  expect(parse({ job_id: "a", ...long })).toEqual({ type: "submit", request: { jobId: "a", ...long } });
});

test.each([
  ["not json", "not JSON"],
  ["", "not JSON"],
  ["null", "no JSON object"],
  ["[]", "no JSON object"],
  ["{}", "job_id"],
  [{ jobId: "a" }, "attempt"],
  [{ jobId: "a", attempt: 0 }, "attempt"],
  [{ jobId: "../a", attempt: 1 }, "jobId"],
  [{ jobId: "a", attempt: 1, extra: 1 }, "extra"],
  [{ job_id: "a", s3_key: "" }, "s3_key"],
  [{ job_id: "a", s3_key: "k", kind: "clean" }, "kind"],
  [{ job_id: "a b", s3_key: "k" }, "job_id"],
  [{ job_id: "a", kind: "nope", inputs: [{ key: "k" }] }, "kind"],
  [{ job_id: "a", kind: "clean", inputs: [] }, "inputs"],
  [{ job_id: "a", kind: "clean", inputs: [{ key: "k", bucket: "other" }] }, "inputs.0"],
])("fails when %j is accepted, or refused without naming %s", (body, named) => {
  expect(() => parse(body)).toThrow(
    expect.objectContaining({ code: "usage_invalid_message", message: expect.stringContaining(named) }),
  );
});

test("fails when any body at all makes it throw something other than its one error", () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.json(),
        fc.jsonValue().map((value) => JSON.stringify({ job_id: "a", kind: value, inputs: value })),
      ),
      (body) => {
        try {
          parse(body);
        } catch (error) {
          return error instanceof MixdownError && error.code === "usage_invalid_message";
        }
        return true;
      },
    ),
  );
});
