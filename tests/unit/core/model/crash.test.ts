import fc from "fast-check";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Crash, type CrashPoint, type Turn } from "../../../../cli/simulate/mortal.ts";
import { cancel } from "../../../../core/cancel.ts";
import { MixdownError } from "../../../../core/errors.ts";
import { isTerminal, type Job, type JobRequest } from "../../../../core/job.ts";
import { submit } from "../../../../core/submit.ts";
import { World } from "./world.ts";

let world: World;
beforeEach(() => {
  world = new World();
  for (const name of ["a", "b"]) world.objects.put(`raw/local/1/${name}.wav`, name);
});
afterEach(() => world.close());

const cleanOf = (jobId: string, name = "a"): JobRequest => ({
  jobId,
  kind: "clean",
  inputs: [{ key: `raw/local/1/${name}.wav` }],
});
const stitchOf = (jobId: string, ...sources: string[]): JobRequest => ({
  jobId,
  kind: "stitch",
  inputs: sources.map((source) => ({ jobId: source, output: "out.wav" })),
});

/** Submits as a process that dies at `crash`; true when the caller was told that the job is accepted. */
async function trySubmit(request: JobRequest, crash?: CrashPoint, turn?: Turn): Promise<boolean> {
  try {
    await submit(world.process(crash, turn), request, { owner: "local" });
    return true;
  } catch (thrown) {
    if (thrown instanceof Crash) return false;
    throw thrown;
  }
}

const endsOf = (jobId: string): Job[] => world.ends.filter((job) => job.jobId === jobId);

/** What must hold once nothing moves any more, whatever died on the way. */
async function checkInvariants(accepted: readonly string[]): Promise<void> {
  expect(await world.active()).toEqual([]);
  for (const jobId of accepted) {
    const job = await world.get({ owner: "local", jobId });
    expect(job, `${jobId} is lost`).toBeDefined();
    expect(isTerminal((job as Job).status), `${jobId} hangs as ${job?.status}/${job?.phase}`).toBe(true);
    expect(endsOf(jobId), `${jobId} ended more than once`).toHaveLength(1);
    for (const output of (job as Job).outputs)
      expect(world.objects.has(output.key), `${output.key} is gone`).toBe(true);
  }
  const visible = new Set(world.ends.flatMap((job) => job.outputs.map((output) => output.key)));
  const left = world.objects.keys("outputs/").filter((key) => !visible.has(key));
  // A worker that died and a loser that died may leave what nobody refers to; sweeping by age takes those.
  expect(left.length).toBeLessThanOrEqual(world.tasks.length);
}

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
          const accepted = await trySubmit(cleanOf(id, name), crash);
          // A job that was written before the caller's process died ends too, though nobody was told of it.
          if (accepted || (await world.get({ owner: "local", jobId: id })) !== undefined) ids.push(id);
        }
        const first = ids[0];
        if (first !== undefined) {
          await trySubmit(stitchOf("joined", first, ids.at(-1) ?? first));
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
        await checkInvariants(ids);
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
      await trySubmit(cleanOf("j"));
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
      await checkInvariants(["j"]);
      expect((await world.get(task.ref))?.status, `call ${silent}`).toBe("succeeded");
      if (calls < silent) break;
    }
  }
});

test("fails when two workers on one attempt, however their steps interleave, both commit", async () => {
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), async (scheduler) => {
      world.close();
      world = new World();
      world.objects.put("raw/local/1/a.wav", "a");
      await trySubmit(cleanOf("j"));
      await world.invoke();
      const turn: Turn = (label, call) => scheduler.schedule(Promise.resolve(), label).then(call);
      const [task] = world.takeTasks();
      if (task === undefined) throw new Error("nothing was launched");
      const racers = [1, 2, 3].map(() => world.work(task.ref, task.attempt, { turn }));
      await scheduler.waitFor(Promise.all(racers));
      expect(endsOf("j").map((job) => job.status)).toEqual(["succeeded"]);
      expect(world.processed).toHaveLength(1);
      await checkInvariants(["j"]);
    }),
    { numRuns: 100 },
  );
});

test("fails when equal jobs, submitted and launched at once by several machines, are processed more than once", async () => {
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), async (scheduler) => {
      world.close();
      world = new World();
      world.objects.put("raw/local/1/a.wav", "a");
      const turn: Turn = (label, call) => scheduler.schedule(Promise.resolve(), label).then(call);
      const ids = ["x", "y", "z"];
      const machines = ids.map(async (id) => {
        await trySubmit(cleanOf(id), undefined, turn);
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
      world.close();
      world = new World();
      world.objects.put("raw/local/1/a.wav", "a");
      await trySubmit(cleanOf("j"));
      await world.invoke();
      const turn: Turn = (label, call) => scheduler.schedule(Promise.resolve(), label).then(call);
      const [task] = world.takeTasks();
      if (task === undefined) throw new Error("nothing was launched");
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
      await checkInvariants(["j"]);
    }),
    { numRuns: 100 },
  );
});

test("fails when a replaced file is answered with the old file's result", async () => {
  await trySubmit(cleanOf("before"));
  await world.settle();
  world.objects.put("raw/local/1/a.wav", "new content");
  await trySubmit(cleanOf("after"));
  await world.settle();
  expect(world.processed).toEqual(["clean(a)", "clean(new content)"]);
});

test("fails when a file that is replaced between launch and start is stored under the old content's key", async () => {
  await trySubmit(cleanOf("j"));
  await world.invoke();
  world.objects.put("raw/local/1/a.wav", "new content");
  for (const task of world.takeTasks()) await world.work(task.ref, task.attempt);
  await world.settle();
  world.objects.put("raw/local/1/a.wav", "a");
  await trySubmit(cleanOf("again"));
  await world.settle();
  expect(world.processed).toEqual(["clean(new content)", "clean(a)"]);
});

test("fails when a leader that fails takes its followers with it, or several of them lead at once", async () => {
  world.failing = (job) => (job.jobId === "x" ? new MixdownError("input_corrupt", { message: "Broken." }) : null);
  for (const id of ["x", "y", "z"]) await trySubmit(cleanOf(id));
  await world.settle();
  expect((await world.get({ owner: "local", jobId: "x" }))?.error?.code).toBe("input_corrupt");
  expect(world.processed).toHaveLength(1);
  for (const id of ["y", "z"]) expect((await world.get({ owner: "local", jobId: id }))?.status).toBe("succeeded");
});

test("fails when a job whose input job failed hangs, or does not say why it failed", async () => {
  world.failing = (job) => (job.kind === "clean" ? new MixdownError("input_no_audio", { message: "None." }) : null);
  await trySubmit(cleanOf("source"));
  await trySubmit(stitchOf("dependent", "source"));
  await world.settle();
  expect((await world.get({ owner: "local", jobId: "dependent" }))?.error?.code).toBe("input_job_failed");
});

test("fails when a platform fault is tried fewer or more than three times", async () => {
  let runs = 0;
  world.failing = () => {
    runs += 1;
    return new MixdownError("platform_ffmpeg_failed", { message: "Fell over." });
  };
  await trySubmit(cleanOf("j"));
  await world.settle();
  expect(runs).toBe(3);
  expect((await world.get({ owner: "local", jobId: "j" }))?.error?.code).toBe("platform_ffmpeg_failed");
});

test("fails when a worker that was given up on commits, beats, or leaves its uploads, while or after another works", async () => {
  for (const lateEnd of ["during the second run", "after the second run"]) {
    world.close();
    world = new World();
    world.objects.put("raw/local/1/a.wav", "a");
    await trySubmit(cleanOf("j"));
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
    await checkInvariants(["j"]);
    expect(endsOf("j").map((job) => [job.status, job.attempt])).toEqual([["succeeded", 2]]);
    expect(world.objects.keys("outputs/")).toEqual(
      endsOf("j").flatMap((job) => job.outputs.map((output) => output.key)),
    );
  }
});

test("fails when the end of a job does not itself wake those that wait for it", async () => {
  await trySubmit(cleanOf("source"));
  await trySubmit(stitchOf("dependent", "source"));
  await world.invoke();
  await world.invoke();
  for (const task of world.takeTasks()) await world.work(task.ref, task.attempt);
  expect(await world.invoke()).toBe(1);
  expect(world.takeTasks().map((task) => task.ref.jobId)).toEqual(["dependent"]);
});

test("fails when an interrupted run uses up an attempt, or interruptions never end", async () => {
  await trySubmit(cleanOf("j"));
  for (let round = 0; round < 40; round++) {
    await world.invoke();
    for (const task of world.takeTasks())
      await world.work(task.ref, task.attempt, { crash: { atWrite: 3, when: "before" } });
    await world.reconcile(undefined, undefined, true);
  }
  const job = await world.get({ owner: "local", jobId: "j" });
  expect(job).toMatchObject({ status: "failed", handBacks: 10, attempt: 13, error: { code: "platform_worker_lost" } });
});
