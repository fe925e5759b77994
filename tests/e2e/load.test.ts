import { expect, test } from "vitest";
import { measureJobs, measureKills, measureLoad } from "../load/measure.ts";

// A sample of `npm run test:load`, by what holds on any machine; how fast an idle one answers is measured there.

test("fails when a steady load is refused, is not answered, or piles up in memory", async () => {
  const { submits, gets, memory } = await measureLoad(6, 100);
  expect([submits.bad, gets.bad]).toEqual([0, 0]);
  expect(submits.count).toBeGreaterThan(200);
  expect(gets.count).toBeGreaterThan(200);
  // The heap has room for 96 MB and 8 MB of new objects; Node and SQLite take a hundred more.
  expect(memory.most).toBeLessThan(300);
  expect(memory.slopePerMinute).toBeLessThan(400);
});

test("fails when an id that was answered 202 is not in the store after kill -9", async () => {
  const { accepted, lost } = await measureKills(3);
  expect(accepted).toBeGreaterThan(0);
  expect(lost).toEqual([]);
});

test("fails when one of many real jobs that were submitted at once does not end", async () => {
  expect(await measureJobs(30, 2, 240_000)).toEqual({ succeeded: 30 });
});
