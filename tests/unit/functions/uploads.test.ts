import type { S3Event } from "aws-lambda";
import { afterEach, beforeEach, expect, test } from "vitest";
import { readUploadRecipe } from "../../../config/functions.ts";
import type { Job } from "../../../core/job.ts";
import { createHandler } from "../../../functions/uploads/handler.ts";
import { loadEvent } from "../../fixtures/events/load-event.ts";
import { recordTelemetry } from "../../fixtures/telemetry.ts";
import { World } from "../core/model/world.ts";

let world: World;
let telemetry: ReturnType<typeof recordTelemetry>;
beforeEach(() => {
  world = new World();
  telemetry = recordTelemetry();
  world.objects.put("raw/local/01JB/red flower ü+1.wav", "flower");
  world.objects.put("raw/acme/01JC/session.wav", "session");
  world.objects.put("dropped.wav", "dropped");
});
afterEach(() => world.close());

const tell = (event: S3Event) => createHandler(world.process(), readUploadRecipe({}), telemetry)(event);
const put = (object: Partial<S3Event["Records"][0]["s3"]["object"]>): S3Event => {
  const event = loadEvent<S3Event>("s3-object-created");
  for (const record of event.Records) Object.assign(record.s3.object, object);
  return event;
};
const jobs = (): Promise<Job[]> => world.active();

test("fails when an uploaded file whose key the notice encodes does not become a job of its owner", async () => {
  await tell(loadEvent("s3-object-created"));
  expect(await jobs()).toMatchObject([
    { owner: "local", kind: "clean", inputs: [{ key: "raw/local/01JB/red flower ü+1.wav" }] },
  ]);
  await world.settle();
  expect(world.processed).toEqual(["clean(flower)"]);
});

test("fails when a multipart upload makes no job, or that of another's room is not its owner's", async () => {
  await tell(loadEvent("s3-multipart-completed"));
  expect(await jobs()).toMatchObject([{ owner: "acme", inputs: [{ key: "raw/acme/01JC/session.wav" }] }]);
});

test("fails when a notice that comes twice makes two jobs, or new content under the key none", async () => {
  for (const eTag of ["1", "1", "2"]) await tell(put({ key: "dropped.wav", eTag }));
  expect(await jobs()).toHaveLength(2);
});

test("fails when folder marks, rooms of nobody or removals become jobs", async () => {
  await tell(put({ key: "raw/local/folder/", size: 0 }));
  await tell(put({ key: "raw/no+owner/1/a.wav" }));
  const removed = loadEvent<S3Event>("s3-object-created");
  for (const record of removed.Records) record.eventName = "ObjectRemoved:Delete";
  await tell(removed);
  await tell({ Service: "Amazon S3", Event: "s3:TestEvent" } as unknown as S3Event);
  expect(await jobs()).toEqual([]);
});

test("fails when a file that is gone again has no failed job, or holds up the next record", async () => {
  const event = put({ key: "gone.wav" });
  event.Records.push(...put({ key: "dropped.wav" }).Records);
  await tell(event);
  expect(world.ends).toMatchObject([{ status: "failed", error: { code: "input_not_found" } }]);
  expect(await jobs()).toHaveLength(1);
});

test("fails when a store that does not answer is taken for an answer", async () => {
  const platform = world.process();
  const head = () => Promise.reject(new Error("no answer"));
  const objects = Object.assign(Object.create(platform.objects), { head });
  const handler = createHandler({ ...platform, objects }, readUploadRecipe({}), telemetry);
  await expect(handler(put({ key: "dropped.wav" }))).rejects.toThrow("no answer");
});

test("fails when the recipe's settings are not checked before the first file", () => {
  expect(readUploadRecipe({ MIXDOWN_UPLOAD_PARAMS: '{"loudnessLufs":-20}' })).toMatchObject({
    kind: "clean",
    params: { loudnessLufs: -20 },
  });
  for (const text of ["nonsense", "[]", '{"loudness":1}', '{"loudnessLufs":5}']) {
    expect(() => readUploadRecipe({ MIXDOWN_UPLOAD_PARAMS: text })).toThrow();
  }
});
