import fc from "fast-check";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Turn } from "../../../../cli/simulate/mortal.ts";
import { cancel } from "../../../../core/cancel.ts";
import { MixdownError } from "../../../../core/errors.ts";
import { checkInvariants, cleanOf, endsOf, stitchOf, trySubmit } from "./model-fixtures.ts";
import { World } from "./world.ts";

let world: World;
/** A world of its own for each order of steps. */
function begin(): void {
  world.close();
  world = new World();
  world.objects.put("raw/local/1/a.wav", "a");
}
/** Lets the scheduler choose who goes on. */
const takeTurns =
  (scheduler: fc.Scheduler): Turn =>
  (label, call) =>
    scheduler.schedule(Promise.resolve(), label).then(call);
async function launchOne() {
  await trySubmit(world, cleanOf("j"));
  await world.invoke();
  const [task] = world.takeTasks();
  if (task === undefined) throw new Error("nothing was launched");
  return task;
}

beforeEach(() => {
  world = new World();
  for (const name of ["a", "b"]) world.objects.put(`raw/local/1/${name}.wav`, name);
});
afterEach(() => world.close());

test("fails when two workers on one attempt, however their steps interleave, both commit", async () => {
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), async (scheduler) => {
      begin();
      const task = await launchOne();
      const turn = takeTurns(scheduler);
      const racers = [1, 2, 3].map(() => world.work(task.ref, task.attempt, { turn }));
      await scheduler.waitFor(Promise.all(racers));
      expect(endsOf(world, "j").map((job) => job.status)).toEqual(["succeeded"]);
      expect(world.processed).toHaveLength(1);
      await checkInvariants(world, ["j"]);
    }),
    { numRuns: 100 },
  );
});

test("fails when equal jobs, submitted and launched at once by several machines, are processed more than once", async () => {
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), async (scheduler) => {
      begin();
      const turn = takeTurns(scheduler);
      const ids = ["x", "y", "z"];
      const machines = ids.map(async (id) => {
        await trySubmit(world, cleanOf(id), undefined, turn);
        await world.invoke(undefined, turn);
      });
      await scheduler.waitFor(Promise.all(machines));
      await world.settle();
      expect(world.processed).toHaveLength(1);
      const jobs = await Promise.all(ids.map((jobId) => world.get({ owner: "local", jobId })));
      expect(jobs.map((job) => job?.status)).toEqual(["succeeded", "succeeded", "succeeded"]);
      expect(jobs.filter((job) => job?.cached === true)).toHaveLength(2);
    }),
    { numRuns: 100 },
  );
});

test("fails when cancel, two workers and the reconciler at once leave a job without exactly one end", async () => {
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), async (scheduler) => {
      begin();
      const task = await launchOne();
      const turn = takeTurns(scheduler);
      const actors = [
        world.work(task.ref, task.attempt, { turn }),
        world.work(task.ref, task.attempt, { turn }),
        cancel(world.process(undefined, turn), { owner: "local", jobId: "j" }).catch((error: unknown) => {
          if (!(error instanceof MixdownError) || error.code !== "usage_not_cancelable") throw error;
        }),
        world.reconcile(undefined, turn),
      ];
      await scheduler.waitFor(Promise.all(actors));
      await world.settle();
      await checkInvariants(world, ["j"]);
    }),
    { numRuns: 100 },
  );
});

test("fails when a replaced file is answered with the old file's result", async () => {
  await trySubmit(world, cleanOf("before"));
  await world.settle();
  world.objects.put("raw/local/1/a.wav", "new content");
  await trySubmit(world, cleanOf("after"));
  await world.settle();
  expect(world.processed).toEqual(["clean(a)", "clean(new content)"]);
});

test("fails when a file that is replaced between launch and start is stored under the old content's key", async () => {
  await trySubmit(world, cleanOf("j"));
  await world.invoke();
  world.objects.put("raw/local/1/a.wav", "new content");
  for (const task of world.takeTasks()) await world.work(task.ref, task.attempt);
  await world.settle();
  world.objects.put("raw/local/1/a.wav", "a");
  await trySubmit(world, cleanOf("again"));
  await world.settle();
  expect(world.processed).toEqual(["clean(new content)", "clean(a)"]);
});

test("fails when the end of a job does not itself wake those that wait for it", async () => {
  await trySubmit(world, cleanOf("source"));
  await trySubmit(world, stitchOf("dependent", "source"));
  await world.invoke();
  await world.invoke();
  for (const task of world.takeTasks()) await world.work(task.ref, task.attempt);
  expect(await world.invoke()).toBe(1);
  expect(world.takeTasks().map((task) => task.ref.jobId)).toEqual(["dependent"]);
});
