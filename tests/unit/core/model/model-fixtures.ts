import { expect } from "vitest";
import { Crash, type CrashPoint, type Turn } from "../../../../cli/simulate/mortal.ts";
import { isTerminal, type Job, type JobRequest } from "../../../../core/job.ts";
import { submit } from "../../../../core/submit.ts";
import type { World } from "./world.ts";

export const cleanOf = (jobId: string, name = "a"): JobRequest => ({
  jobId,
  kind: "clean",
  inputs: [{ key: `raw/local/1/${name}.wav` }],
});
export const stitchOf = (jobId: string, ...sources: string[]): JobRequest => ({
  jobId,
  kind: "stitch",
  inputs: sources.map((source) => ({ jobId: source, output: "out.wav" })),
});

/** Submits as a process that dies at `crash`; true when the caller was told that the job is accepted. */
export async function trySubmit(world: World, request: JobRequest, crash?: CrashPoint, turn?: Turn): Promise<boolean> {
  try {
    await submit(world.process(crash, turn), request, { owner: "local" });
    return true;
  } catch (thrown) {
    if (thrown instanceof Crash) return false;
    throw thrown;
  }
}

export const endsOf = (world: World, jobId: string): Job[] => world.ends.filter((job) => job.jobId === jobId);

/** What must hold once nothing moves any more, whatever died on the way. */
export async function checkInvariants(world: World, accepted: readonly string[]): Promise<void> {
  expect(await world.active()).toEqual([]);
  for (const jobId of accepted) {
    const job = await world.get({ owner: "local", jobId });
    expect(job, `${jobId} is lost`).toBeDefined();
    expect(isTerminal((job as Job).status), `${jobId} hangs as ${job?.status}/${job?.phase}`).toBe(true);
    expect(endsOf(world, jobId), `${jobId} ended more than once`).toHaveLength(1);
    for (const output of (job as Job).outputs)
      expect(world.objects.has(output.key), `${output.key} is gone`).toBe(true);
  }
  const visible = new Set(world.ends.flatMap((job) => job.outputs.map((output) => output.key)));
  const left = world.objects.keys("outputs/").filter((key) => !visible.has(key));
  // A worker that died and a loser that died may leave what nobody refers to; sweeping by age takes those.
  expect(left.length).toBeLessThanOrEqual(world.tasks.length);
}
