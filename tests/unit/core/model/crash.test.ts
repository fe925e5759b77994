import fc from "fast-check";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Crash, type Turn } from "../../../../cli/simulate/mortal.ts";
import { MixdownError } from "../../../../core/errors.ts";
import { checkInvariants, cleanOf, endsOf, stitchOf, trySubmit } from "./model-fixtures.ts";
import { World } from "./world.ts";

let world: World;
beforeEach(() => {
  world = new World();
  for (const name of ["a", "b"]) world.objects.put(`raw/local/1/${name}.wav`, name);
});
afterEach(() => world.close());

const point = fc.record({
  atWrite: fc.integer({ min: 1, max: 12 }),
  when: fc.constantFrom("before" as const, "after" as const),
});
const maybePoint = fc.option(point, { nil: undefined });

test("fails when an API, invoker, worker or reconciler that dies at any write loses, hangs or doubles a job", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ name: fc.constantFrom("a", "b"), crash: maybePoint }), { minLength: 1, maxLength: 4 }),
      fc.array(
        fc.oneof(
          fc.record({ act: fc.constant("invoke" as const), crash: maybePoint }),
          fc.record({ act: fc.constant("work" as const), crash: maybePoint }),
          fc.record({ act: fc.constant("reconcile" as const), crash: maybePoint }),
          fc.record({ act: fc.constant("restart" as const), crash: maybePoint }),
          fc.record({ act: fc.constant("wait" as const), crash: fc.constant(undefined) }),
        ),
        { maxLength: 14 },
      ),
      async (submissions, steps) => {
        world.close();
        world = new World();
        for (const name of ["a", "b"]) world.objects.put(`raw/local/1/${name}.wav`, name);
        const ids: string[] = [];
        for (const [index, { name, crash }] of submissions.entries()) {
          const id = `j${index}`;
          const accepted = await trySubmit(world, cleanOf(id, name), crash);
          // A job that was written before the caller's process died ends too, though nobody was told of it.
          if (accepted || (await world.get({ owner: "local", jobId: id })) !== undefined) ids.push(id);
        }
        const first = ids[0];
        if (first !== undefined) {
          await trySubmit(world, stitchOf("joined", first, ids.at(-1) ?? first));
          ids.push("joined");
        }
        for (const step of steps) {
          if (step.act === "invoke") await world.invoke(step.crash);
          if (step.act === "reconcile") await world.reconcile(step.crash);
          if (step.act === "restart") await world.reconcile(step.crash, undefined, true);
          if (step.act === "wait") world.nowMs += 61_000;
          if (step.act === "work") {
            for (const task of world.takeTasks())
              await world.work(task.ref, task.attempt, { ...(step.crash === undefined ? {} : { crash: step.crash }) });
          }
        }
        await world.settle();
        await checkInvariants(world, ids);
        for (const id of ids)
          expect((await world.get({ owner: "local", jobId: id }))?.status).toMatch(/succeeded|failed/);
      },
    ),
    { numRuns: 300 },
  );
});

test("fails when one call of a worker that is not answered, though it may have taken effect, costs the job its result", async () => {
  for (const effect of [true, false]) {
    for (let silent = 1; ; silent++) {
      world.close();
      world = new World();
      world.objects.put("raw/local/1/a.wav", "a");
      await trySubmit(world, cleanOf("j"));
      await world.invoke();
      let calls = 0;
      // The process lives on, as one does whose request has timed out.
      const turn: Turn = async (_label, call) => {
        calls += 1;
        if (calls !== silent) return call();
        if (effect) await call();
        throw new Crash("no answer");
      };
      const [task] = world.takeTasks();
      if (task === undefined) throw new Error("nothing was launched");
      await world.work(task.ref, task.attempt, { turn });
      await world.settle();
      await checkInvariants(world, ["j"]);
      expect((await world.get(task.ref))?.status, `call ${silent}`).toBe("succeeded");
      if (calls < silent) break;
    }
  }
});

test("fails when a leader that fails takes its followers with it, or several of them lead at once", async () => {
  world.failing = (job) => (job.jobId === "x" ? new MixdownError("input_corrupt", { message: "Broken." }) : null);
  for (const id of ["x", "y", "z"]) await trySubmit(world, cleanOf(id));
  await world.settle();
  expect((await world.get({ owner: "local", jobId: "x" }))?.error?.code).toBe("input_corrupt");
  expect(world.processed).toHaveLength(1);
  for (const id of ["y", "z"]) expect((await world.get({ owner: "local", jobId: id }))?.status).toBe("succeeded");
});

test("fails when a job whose input job failed hangs, or does not say why it failed", async () => {
  world.failing = (job) => (job.kind === "clean" ? new MixdownError("input_no_audio", { message: "None." }) : null);
  await trySubmit(world, cleanOf("source"));
  await trySubmit(world, stitchOf("dependent", "source"));
  await world.settle();
  expect((await world.get({ owner: "local", jobId: "dependent" }))?.error?.code).toBe("input_job_failed");
});

test("fails when a platform fault is tried fewer or more than three times", async () => {
  let runs = 0;
  world.failing = () => {
    runs += 1;
    return new MixdownError("platform_ffmpeg_failed", { message: "Fell over." });
  };
  await trySubmit(world, cleanOf("j"));
  await world.settle();
  expect(runs).toBe(3);
  expect((await world.get({ owner: "local", jobId: "j" }))?.error?.code).toBe("platform_ffmpeg_failed");
});

test("fails when a worker that was given up on commits, beats, or leaves its uploads, while or after another works", async () => {
  for (const lateEnd of ["during the second run", "after the second run"]) {
    world.close();
    world = new World();
    world.objects.put("raw/local/1/a.wav", "a");
    await trySubmit(world, cleanOf("j"));
    await world.invoke();
    const first = Promise.withResolvers<void>();
    const second = Promise.withResolvers<void>();
    world.holdUp = (job) => (job.attempt === 1 ? first.promise : second.promise);
    const [task] = world.takeTasks();
    if (task === undefined) throw new Error("nothing was launched");
    const late = world.work(task.ref, 1);
    world.nowMs += 61_000;
    await world.reconcile();
    await world.invoke();
    const [again] = world.takeTasks();
    expect(again?.attempt).toBe(2);
    const winner = world.work(task.ref, 2);
    if (lateEnd === "during the second run") first.resolve();
    else second.resolve();
    await (lateEnd === "during the second run" ? late : winner);
    first.resolve();
    second.resolve();
    await Promise.all([late, winner]);
    await world.settle();
    await checkInvariants(world, ["j"]);
    expect(endsOf(world, "j").map((job) => [job.status, job.attempt])).toEqual([["succeeded", 2]]);
    expect(world.objects.keys("outputs/")).toEqual(
      endsOf(world, "j").flatMap((job) => job.outputs.map((output) => output.key)),
    );
  }
});

test("fails when an interrupted run uses up an attempt, or interruptions never end", async () => {
  await trySubmit(world, cleanOf("j"));
  for (let round = 0; round < 40; round++) {
    await world.invoke();
    for (const task of world.takeTasks())
      await world.work(task.ref, task.attempt, { crash: { atWrite: 3, when: "before" } });
    await world.reconcile(undefined, undefined, true);
  }
  const job = await world.get({ owner: "local", jobId: "j" });
  expect(job).toMatchObject({ status: "failed", handBacks: 10, attempt: 13, error: { code: "platform_worker_lost" } });
});
