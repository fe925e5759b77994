import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { createRandom } from "../../../../cli/simulate/random.ts";
import { VirtualTime } from "../../../../cli/simulate/virtual-time.ts";

test("fails when appointments come out of order, ties out of theirs, or those that were taken back", async () => {
  const time = new VirtualTime(1_000);
  const random = createRandom(1);
  const seen: [number, number][] = [];
  for (let index = 0; index < 500; index++) {
    const cancel = time.after(random.whole(0, 50), () => seen.push([time.clock.now(), index]));
    if (index % 10 === 0) cancel();
  }
  await time.run(() => false);
  expect(seen).toHaveLength(450);
  expect(seen).toEqual([...seen].sort(([a, i], [b, j]) => a - b || i - j));
  expect(seen.every(([at]) => at >= 1_000 && at <= 1_050)).toBe(true);
});

test("fails when time goes on while something is at work", async () => {
  const time = new VirtualTime(0);
  const seen: string[] = [];
  const slow = async () => {
    await time.sleep(10);
    await time.work(() => sleep(20));
    seen.push(`slow at ${time.clock.now()}`);
  };
  void slow();
  time.after(11, () => seen.push("later"));
  await time.run(() => false);
  expect(seen).toEqual(["slow at 10", "later"]);
});

test("fails when two seeds give the same numbers, one seed gives others, or they leave their bounds", () => {
  const draw = (seed: number) => Array.from({ length: 1_000 }, createRandom(seed).next);
  expect(draw(5)).toEqual(draw(5));
  expect(draw(5)).not.toEqual(draw(6));
  expect(draw(5).every((value) => value >= 0 && value < 1)).toBe(true);
  const mean = draw(5).reduce((sum, value) => sum + value, 0) / 1_000;
  expect(Math.abs(mean - 0.5)).toBeLessThan(0.05);
});
