import { afterEach, beforeEach, expect, test } from "vitest";
import { ApiFixture } from "./api-fixture.ts";

let fixture: ApiFixture;
beforeEach(() => {
  fixture = new ApiFixture();
});
afterEach(() => fixture.close());

const key = "raw/local/1/a.wav";
const job = (patch: object) => ({ kind: "clean", inputs: [{ key }], ...patch });
const params = (patch: object) => job({ params: patch });
const upload = (patch: object) => ({ filename: "a.wav", contentType: "audio/wav", sizeBytes: 10, ...patch });

/** Name, request line, body, headers. Each has its golden problem document in malformed.golden.json. */
const cases: readonly [string, string, unknown?, Record<string, string>?][] = [
  ["no body", "POST /v1/jobs"],
  ["empty body", "POST /v1/jobs", ""],
  ["not JSON", "POST /v1/jobs", "{bad"],
  ["JSON null", "POST /v1/jobs", "null"],
  ["JSON number", "POST /v1/jobs", "7"],
  ["JSON array", "POST /v1/jobs", "[]"],
  ["a form", "POST /v1/jobs", "kind=clean", { "content-type": "application/x-www-form-urlencoded" }],
  ["plain text", "POST /v1/jobs", JSON.stringify(job({})), { "content-type": "text/plain" }],
  ["multipart", "POST /v1/jobs", "--x--", { "content-type": "multipart/form-data; boundary=x" }],
  ["no kind", "POST /v1/jobs", { inputs: [{ key }] }],
  ["unknown kind", "POST /v1/jobs", job({ kind: "cleen" })],
  ["kind of the wrong type", "POST /v1/jobs", job({ kind: 7 })],
  ["kind from the prototype", "POST /v1/jobs", job({ kind: "constructor" })],
  ["no inputs", "POST /v1/jobs", { kind: "clean" }],
  ["empty inputs", "POST /v1/jobs", job({ inputs: [] })],
  ["inputs as text", "POST /v1/jobs", job({ inputs: key })],
  ["input as text", "POST /v1/jobs", job({ inputs: [key] })],
  ["input without key", "POST /v1/jobs", job({ inputs: [{}] })],
  ["input with an empty key", "POST /v1/jobs", job({ inputs: [{ key: "" }] })],
  ["input with a long key", "POST /v1/jobs", job({ inputs: [{ key: "k".repeat(1_025) }] })],
  ["input with a bucket", "POST /v1/jobs", job({ inputs: [{ key, bucket: "theirs" }] })],
  ["input with key and job", "POST /v1/jobs", job({ inputs: [{ key, jobId: "a", output: "b" }] })],
  ["input that climbs", "POST /v1/jobs", job({ inputs: [{ key: "raw/local/../acme/1/a.wav" }] })],
  ["input of another owner", "POST /v1/jobs", job({ inputs: [{ key: "raw/acme/1/a.wav" }] })],
  ["input that is not there", "POST /v1/jobs", job({ inputs: [{ key: "raw/local/1/none.wav" }] })],
  ["input of an unknown job", "POST /v1/jobs", job({ inputs: [{ jobId: "none", output: "a.wav" }] })],
  ["input of a bad job id", "POST /v1/jobs", job({ inputs: [{ jobId: "a/b", output: "a.wav" }] })],
  ["input with a bad hash", "POST /v1/jobs", job({ inputs: [{ key, sha256: "abc" }] })],
  ["two inputs for clean", "POST /v1/jobs", job({ inputs: [{ key }, { key }] })],
  ["a role for clean", "POST /v1/jobs", job({ inputs: [{ key, role: "music" }] })],
  [
    "mix without music",
    "POST /v1/jobs",
    {
      kind: "mix",
      inputs: [
        { key, role: "narration" },
        { key, role: "narration" },
      ],
    },
  ],
  ["mix without roles", "POST /v1/jobs", { kind: "mix", inputs: [{ key }, { key }] }],
  ["too many inputs", "POST /v1/jobs", { kind: "stitch", inputs: Array.from({ length: 1_001 }, () => ({ key })) }],
  ["an unknown field", "POST /v1/jobs", job({ priority: "high" })],
  [
    "a prototype field",
    "POST /v1/jobs",
    '{"kind":"clean","inputs":[{"key":"raw/local/1/a.wav"}],"__proto__":{"x":1},"y":1}',
  ],
  ["an unknown parameter", "POST /v1/jobs", params({ loudness: -16 })],
  ["loudness too high", "POST /v1/jobs", params({ loudnessLufs: -5 })],
  ["loudness too low", "POST /v1/jobs", params({ loudnessLufs: -41 })],
  ["loudness as text", "POST /v1/jobs", params({ loudnessLufs: "-16" })],
  ["loudness null", "POST /v1/jobs", params({ loudnessLufs: null })],
  ["ceiling above zero", "POST /v1/jobs", params({ ceilingDbtp: 0.1 })],
  ["denoise as text", "POST /v1/jobs", params({ denoise: "yes" })],
  ["an unknown format", "POST /v1/jobs", params({ format: "exe" })],
  ["params as an array", "POST /v1/jobs", job({ params: [] })],
  ["gap and crossfade", "POST /v1/jobs", { kind: "stitch", inputs: [{ key }], params: { gapMs: 1, crossfadeMs: 1 } }],
  ["gap too long", "POST /v1/jobs", { kind: "stitch", inputs: [{ key }], params: { gapMs: 60_001 } }],
  ["an unknown join", "POST /v1/jobs", { kind: "stitch", inputs: [{ key }], params: { join: "magic" } }],
  ["job id with a slash", "POST /v1/jobs", job({ jobId: "a/b" })],
  ["job id empty", "POST /v1/jobs", job({ jobId: "" })],
  ["job id too long", "POST /v1/jobs", job({ jobId: "j".repeat(129) })],
  ["timeout zero", "POST /v1/jobs", job({ timeoutSeconds: 0 })],
  ["timeout of a week", "POST /v1/jobs", job({ timeoutSeconds: 604_800 })],
  ["metadata of numbers", "POST /v1/jobs", job({ metadata: { a: 1 } })],
  ["metadata too long", "POST /v1/jobs", job({ metadata: { a: "x".repeat(1_025) } })],
  [
    "metadata with too many entries",
    "POST /v1/jobs",
    job({ metadata: Object.fromEntries(Array.from({ length: 33 }, (_, n) => [`k${n}`, ""])) }),
  ],
  ["a body too large", "POST /v1/jobs", JSON.stringify(job({ metadata: { a: "x".repeat(300_000) } }))],
  ["dryRun neither true nor false", "POST /v1/jobs?dryRun=maybe", job({})],
  ["an empty idempotency key", "POST /v1/jobs", job({}), { "idempotency-key": "" }],
  ["a long idempotency key", "POST /v1/jobs", job({}), { "idempotency-key": "k".repeat(256) }],
  ["limit zero", "GET /v1/jobs?limit=0"],
  ["limit too large", "GET /v1/jobs?limit=201"],
  ["limit as text", "GET /v1/jobs?limit=ten"],
  ["an unknown status", "GET /v1/jobs?status=done"],
  ["a made-up cursor", "GET /v1/jobs?cursor=abc"],
  ["an unknown job", "GET /v1/jobs/none"],
  ["a bad job id in the path", "GET /v1/jobs/a%2Fb"],
  ["cancel an unknown job", "POST /v1/jobs/none/cancel"],
  ["retry an unknown job", "POST /v1/jobs/none/retry"],
  ["events of an unknown job", "GET /v1/jobs/none/events"],
  ["output of an unknown job", "GET /v1/jobs/none/outputs/a.wav"],
  ["upload without size", "POST /v1/uploads", { filename: "a.wav", contentType: "audio/wav" }],
  ["upload of nothing", "POST /v1/uploads", upload({ sizeBytes: 0 })],
  ["upload too large for one PUT", "POST /v1/uploads", upload({ sizeBytes: 104_857_601 })],
  ["upload with a header in its type", "POST /v1/uploads", upload({ contentType: "audio/wav\r\nx: y" })],
  ["upload with a bad hash", "POST /v1/uploads", upload({ sha256: "xyz" })],
  ["upload with an empty name", "POST /v1/uploads", upload({ filename: "" })],
  ["stitch of nothing", "POST /stitch", { message_parts: [] }],
  ["stitch of a stranger's file", "POST /stitch", { message_parts: ["raw/acme/1/a.wav"] }],
  ["mix without music by /mix", "POST /mix", { narration: key }],
  ["an unknown path", "GET /v1/nothing"],
  ["an unknown method", "DELETE /v1/jobs"],
  ["a foreign host", "GET /v1/jobs", undefined, { host: "evil.example" }],
  ["a foreign origin", "GET /v1/jobs", undefined, { origin: "https://evil.example" }],
  ["no origin at all", "GET /v1/jobs", undefined, { origin: "null" }],
  ["another site", "GET /v1/jobs", undefined, { "sec-fetch-site": "cross-site" }],
  ["half a credential", "GET /v1/jobs", undefined, { authorization: "Basic abc" }],
  ["a made-up key", "GET /v1/jobs", undefined, { authorization: "Bearer mxd_abc_def" }],
  ["a token where none is accepted", "GET /v1/jobs", undefined, { authorization: "Bearer a.b.c" }],
];

test("fails when a malformed request is answered by anything but its golden problem document", async () => {
  const answers: Record<string, unknown> = {};
  for (const [name, line, body, headers] of cases) {
    const [method = "", path = ""] = line.split(" ");
    const response = await fixture.request(method, path, { body, ...(headers === undefined ? {} : { headers }) });
    expect(response.headers.get("content-type"), name).toBe("application/problem+json");
    const problem = (await response.json()) as { status: number; detail: string };
    expect(problem.status, name).toBe(response.status);
    expect(problem.detail.length, name).toBeLessThan(400);
    answers[name] = problem;
  }
  expect(cases.length).toBeGreaterThanOrEqual(60);
  expect(fixture.faults.map(String)).toEqual([]);
  expect(await fixture.world.active()).toEqual([]);
  await expect(`${JSON.stringify(answers, null, 2)}\n`).toMatchFileSnapshot("malformed.golden.json");
});
