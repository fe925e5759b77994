import { afterEach, beforeEach, expect, test } from "vitest";
import { cancel } from "../../../core/cancel.ts";
import { submit } from "../../../core/submit.ts";
import { sweepStrayOutputs } from "../../../core/sweep.ts";
import { World } from "./model/world.ts";

let world: World;
beforeEach(() => {
  world = new World();
  world.objects.put("raw/local/1/a.wav", "a");
});
afterEach(() => world.close());

const keysLeft = async (): Promise<readonly string[]> => {
  const keys: string[] = [];
  for await (const { key } of world.process().objects.list("outputs/")) keys.push(key);
  return keys;
};

test("fails when an ended job's stray outputs stay, or those of a job that goes on, or of nobody, go", async () => {
  const request = { kind: "clean", inputs: [{ key: "raw/local/1/a.wav" }] };
  for (const jobId of ["ended", "open"]) await submit(world.process(), { ...request, jobId }, { owner: "local" });
  await cancel(world.process(), { owner: "local", jobId: "ended" });
  for (const key of ["ended/run1/a.wav", "ended/run1/peaks.json", "open/run1/a.wav", "nobody/run1/a.wav", "no job's/x"])
    world.objects.put(`outputs/${key}`, key);
  expect(await sweepStrayOutputs(world.process())).toBe(2);
  expect(await keysLeft()).toEqual(["outputs/open/run1/a.wav", "outputs/nobody/run1/a.wav", "outputs/no job's/x"]);
  expect(await sweepStrayOutputs(world.process())).toBe(0);
});
