import { afterEach, beforeEach, expect, test } from "vitest";
import { createPostgrestStatusTable } from "../../adapters/http/status-table.ts";
import { buildTestJob, changed, claimed, succeeded } from "../fixtures/jobs.ts";
import { type EndpointAnswer, type EndpointCall, startJsonEndpoint } from "../fixtures/json-endpoint.ts";

type Row = Record<string, unknown> & { job_id: string; version: number; percent: number };

/** PostgREST as far as two statements go: an update under a filter, and an insert that ignores duplicates. */
function playPostgrest(rows: Map<string, Row>, { operation, body, headers }: EndpointCall): EndpointAnswer {
  const [method, target = ""] = operation.split(" ");
  const url = new URL(target, "http://localhost");
  expect(url.pathname).toBe("/rest/v1/mixdown_jobs");
  expect(headers).toMatchObject({ apikey: "service-key", authorization: "Bearer service-key" });
  expect(headers.prefer).toContain("return=representation");
  const row = body as Row;
  const standing = rows.get(row.job_id);
  if (method === "POST") {
    expect(url.searchParams.get("on_conflict")).toBe("job_id");
    expect(headers.prefer).toContain("resolution=ignore-duplicates");
    if (standing !== undefined) return { status: 201, body: [] };
  } else {
    expect(url.searchParams.get("job_id")).toBe(`eq.${row.job_id}`);
    const filter = /^\(version\.lt\.(\d+),and\(version\.eq\.(\d+),percent\.lt\.(\d+)\)\)$/.exec(
      url.searchParams.get("or") ?? "",
    );
    const [below, equal, percent] = (filter?.slice(1) ?? []).map(Number);
    const older =
      standing !== undefined &&
      (standing.version < Number(below) || (standing.version === equal && standing.percent < Number(percent)));
    if (!older) return { status: 200, body: [] };
  }
  rows.set(row.job_id, row);
  return { status: method === "POST" ? 201 : 200, body: [{ job_id: row.job_id }] };
}

let rows: Map<string, Row>;
let answer: (call: EndpointCall) => EndpointAnswer;
let endpoint: Awaited<ReturnType<typeof startJsonEndpoint>>;
beforeEach(async () => {
  rows = new Map();
  answer = (call) => playPostgrest(rows, call);
  endpoint = await startJsonEndpoint((call) => answer(call));
});
afterEach(() => endpoint.close());

const open = (suffix = "") =>
  createPostgrestStatusTable({ url: `${endpoint.url}${suffix}`, serviceKey: "service-key", defaultOwner: "local" });

const queued = buildTestJob({ jobId: "episode-12" });
const running = claimed(queued, "run");
const done = succeeded(running);

test("fails when a row is not the job as it stands, whatever the order in which its states come", async () => {
  const table = open();
  for (const job of [running, queued, done, running, queued, done]) await table.put(job);
  expect([...rows.values()]).toEqual([
    {
      job_id: "episode-12",
      status: "succeeded",
      percent: 100,
      outputs: done.outputs,
      error: null,
      version: 3,
      updated_at: done.updatedAt,
    },
  ]);
});

test("fails when states that come at once leave an older one behind", async () => {
  const tables = [open(), open("/rest/v1/"), open("/")];
  const states = [queued, running, done, changed(running, {})];
  await Promise.all(states.flatMap((job, index) => tables.map((table) => table.put(job).then(() => index))));
  expect(rows.get("episode-12")?.version).toBe(3);
});

test("fails when progress within a version is not written, or goes back", async () => {
  const table = open();
  const at = (percent: number) => ({ ...running, progress: { percent, etaSeconds: null } });
  for (const percent of [10.7, 40, 20]) await table.put(at(percent));
  expect(rows.get("episode-12")).toMatchObject({ status: "running", percent: 40 });
});

test("fails when another owner's job of the same id takes the row", async () => {
  await open().put(done);
  await open().put({ ...queued, owner: "acme" });
  expect([...rows.keys()]).toEqual(["episode-12", "acme.episode-12"]);
});

test("fails when a table that is away is given up, or one that is wrong is tried for ever", async () => {
  for (const [status, code, retryable] of [
    [503, "platform_unreachable", true],
    [429, "platform_unreachable", true],
    [401, "platform_internal", false],
    [404, "platform_internal", false],
  ] as const) {
    answer = () => ({ status, body: { message: 'relation "mixdown_jobs" does not exist' } });
    await expect(open().put(done), String(status)).rejects.toMatchObject({ code, retryable });
  }
  const nobody = createPostgrestStatusTable({ url: "http://127.0.0.1:9", serviceKey: "k", defaultOwner: "local" });
  await expect(nobody.put(done)).rejects.toMatchObject({ code: "platform_unreachable", retryable: true });
});
