import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { PublicJob } from "../../core/public-job.ts";
import { findFreePort } from "../fixtures/free-port.ts";
import { EmbeddedFixture } from "./embedded-fixture.ts";

let fixture: EmbeddedFixture;
let port: number;
beforeEach(async () => {
  fixture = await EmbeddedFixture.open();
  port = await findFreePort();
});
afterEach(() => fixture.close());

const url = (path: string) => `http://127.0.0.1:${port}${path}`;
const postJson = (path: string, body: object) =>
  fetch(url(path), { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });

/** Reads one stream of a job's events until it ends or breaks; tells each state. */
async function readStream(id: string, lastEventId: string | null, tell: (job: PublicJob, eventId: string) => void) {
  const headers = lastEventId === null ? {} : { "last-event-id": lastEventId };
  const response = await fetch(url(`/v1/jobs/${id}/events`), { headers });
  if (response.status !== 200 || response.body === null) return response.status;
  let text = "";
  for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
      const lines = text.slice(0, end).split("\n");
      text = text.slice(end + 2);
      const field = (name: string) => lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
      const data = field("data");
      if (data !== undefined) tell(JSON.parse(data) as PublicJob, field("id") ?? "");
    }
  }
  return 200;
}

/** Watches as a browser's EventSource does: comes back with the last id until it is told to stop. */
async function watchToTheEnd(id: string): Promise<string[]> {
  const ends: string[] = [];
  let last: string | null = null;
  for (;;) {
    try {
      const status = await readStream(id, last, (job, eventId) => {
        last = eventId;
        if (job.finishedAt !== null) ends.push(job.status);
      });
      if (status === 204) return ends;
    } catch {
      // The server is away; a browser waits and comes back.
    }
    await sleep(50);
  }
}

test("fails when a file does not go up, through a job, and down again by HTTP alone", async () => {
  await fixture.start(port);
  const path = join(fixture.dataDir, "talk.wav");
  spawnSync("sox", `-n -r 48000 -c 1 ${path} synth 3 pinknoise vol 0.1`.split(" "));
  const content = readFileSync(path);
  const upload = (await (
    await postJson("/v1/uploads", { filename: "talk.wav", contentType: "audio/wav", sizeBytes: content.length })
  ).json()) as { key: string; url: string; headers: Record<string, string> };
  expect(
    (await fetch(upload.url, { method: "PUT", headers: upload.headers, body: new Uint8Array(content) })).status,
  ).toBe(200);
  const submitted = await postJson("/v1/jobs", { jobId: "j", kind: "clean", inputs: [{ key: upload.key }] });
  expect(submitted.status).toBe(202);
  expect(await watchToTheEnd("j")).toEqual(["succeeded"]);
  const job = (await (await fetch(url("/v1/jobs/j"))).json()) as PublicJob;
  const name = job.outputs[0]?.name ?? "";
  const download = await fetch(url(`/v1/jobs/j/outputs/${name}?redirect=1`));
  const result = join(fixture.dataDir, "result.wav");
  writeFileSync(result, Buffer.from(await download.arrayBuffer()));
  const measured = spawnSync("ffmpeg", `-nostdin -hide_banner -i ${result} -af ebur128 -f null -`.split(" "), {
    encoding: "utf8",
  });
  const loudness = Number(/I:\s+(-[\d.]+) LUFS(?![\s\S]*I:\s+-[\d.]+ LUFS)/.exec(measured.stderr)?.[1]);
  expect(Math.abs(loudness - -16)).toBeLessThanOrEqual(0.3);
});

test("fails when one of 200 watchers on 50 jobs does not see exactly one end, with the server killed and restarted in between", async () => {
  await fixture.putNoise("raw/local/1/a.wav", 1);
  const first = await fixture.start(port);
  const ids = Array.from({ length: 50 }, (_, index) => `job-${index}`);
  for (const [index, id] of ids.entries()) {
    await fixture.submit({
      jobId: id,
      kind: "stitch",
      inputs: [{ key: "raw/local/1/a.wav" }],
      params: { gapMs: index },
    });
  }
  const watchers = Array.from({ length: 200 }, (_, index) => watchToTheEnd(ids[index % ids.length] ?? ""));
  await fixture.ended("job-3");
  first.kill("SIGKILL");
  await sleep(300);
  await fixture.start(port);
  expect((await Promise.all(watchers)).filter((ends) => ends.length !== 1 || ends[0] !== "succeeded")).toEqual([]);
});
