import { afterEach, beforeEach, expect, test } from "vitest";
import { createApi } from "../../../api/app.ts";
import { ApiFixture } from "./api-fixture.ts";

let fixture: ApiFixture;
beforeEach(() => {
  fixture = new ApiFixture();
});
afterEach(() => fixture.close());

const ask = async (checkResponses: boolean) => {
  const { deps } = fixture;
  const get = async (ref: { owner: string; jobId: string }) => {
    const job = await deps.platform.jobs.get(ref);
    return job && { ...job, progress: { ...job.progress, percent: 101 } };
  };
  const jobs = Object.assign(Object.create(deps.platform.jobs), { get });
  const app = createApi({
    ...deps,
    platform: { ...deps.platform, jobs },
    settings: { ...deps.settings, checkResponses },
  });
  await fixture.request("POST", "/v1/jobs", {
    body: { jobId: "j", kind: "clean", inputs: [{ key: "raw/local/1/a.wav" }] },
  });
  return app.request("http://localhost/v1/jobs/j", { headers: { host: "localhost" } });
};

test("fails when an answer that the description does not promise goes out, or is not named in the log", async () => {
  expect((await ask(true)).status).toBe(500);
  expect(String(fixture.faults[0])).toContain("percent");
});

test("fails when production pays for the check", async () => {
  expect((await ask(false)).status).toBe(200);
});
