import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createDynamoDeadLetterStore } from "../../../adapters/aws/dead-letter-store.ts";
import { outboxKey, readOutboxItem } from "../../../adapters/aws/outbox.ts";
import { openTable, queryAll } from "../../../adapters/aws/table.ts";
import { systemClock } from "../../../adapters/embedded/clock.ts";
import { isTerminal, type Job } from "../../../core/job.ts";
import { describeOnAws } from "../../fixtures/aws-emulator.ts";
import { createRandom } from "../../fixtures/random.ts";
import { killed, outOfMemory, type RunningTask, spotInterruption, type TaskFault } from "./ecs-stand-in.ts";
import { openRigClient, type RigClient } from "./rig-client.ts";

/** As many jobs as MIXDOWN_RIG_JOBS says, 200 for the proof; the seed is told, so that a failure can be played again. */
const jobCount = Number(process.env.MIXDOWN_RIG_JOBS ?? 20);
const seed = Number(process.env.MIXDOWN_RIG_SEED ?? 1);
const atOnce = 6;
const taskFaults: readonly TaskFault[] = [killed, outOfMemory, spotInterruption, { ...killed, silent: true }];

describeOnAws(`${jobCount} jobs in a storm of faults (seed ${seed})`, () => {
  const random = createRandom(seed);
  const storm = new AbortController();
  const going: Promise<void>[] = [];
  let client: RigClient;
  beforeAll(async () => {
    client = await openRigClient();
    client.rig.ecs.slots = 4;
    going.push(
      repeat(100, strikeSome),
      repeat(5_000, () => client.rig.functions.call("reconciler", {})),
    );
  });
  afterAll(async () => {
    storm.abort();
    await Promise.all(going);
    await client?.close();
  });

  async function repeat(ms: number, pass: () => unknown): Promise<void> {
    while (!storm.signal.aborted) {
      // A pass that fails is what the next one is for.
      await Promise.resolve(pass()).catch(() => {});
      await sleep(ms, undefined, { signal: storm.signal }).catch(() => {});
    }
  }

  const seen = new Set<RunningTask>();
  /** A third of all workers is struck, some before they claim their job, some when they are long done. */
  async function strikeSome(): Promise<void> {
    for (const task of client.rig.ecs.started) {
      if (seen.has(task)) continue;
      seen.add(task);
      client.rig.ecs.copies = random() < 0.2 ? 2 : 1;
      if (random() > 0.33) continue;
      const fault = taskFaults[Math.floor(random() * taskFaults.length)];
      if (fault !== undefined) setTimeout(() => client.rig.ecs.strike(task, fault), random() * 3_000).unref();
    }
  }

  /** One job, sent as often as it may come; some find their launch refused, some name a file that is not there. */
  async function sendOne(jobId: string): Promise<Job["status"]> {
    const kind = random();
    const key = kind < 0.1 ? "incoming/none.wav" : `incoming/${jobId}.wav`;
    const seconds = 0.5 + random();
    if (kind >= 0.1) await client.upload(key, { seconds, hertz: 150 + random() * 3_000 });
    if (kind >= 0.1 && kind < 0.2) client.rig.front.refusals.push("capacity");
    if (random() < 0.1) await client.send(`poison ${jobId}`, jobId);
    for (let copy = random() < 0.3 ? 2 : 1; copy > 0; copy--) await client.send({ job_id: jobId, s3_key: key }, jobId);
    return kind < 0.1 ? "failed" : "succeeded";
  }

  test("fails when a job does not end as it should, commits twice, or a dead letter has no reason", async () => {
    const expected = new Map<string, Job["status"]>();
    const waiting = Array.from({ length: jobCount }, (_, index) => `storm-${index}`);
    const take = async () => {
      for (let jobId = waiting.shift(); jobId !== undefined; jobId = waiting.shift()) {
        expected.set(jobId, await sendOne(jobId));
        for (
          let job = await client.get(jobId);
          job === undefined || !isTerminal(job.status);
          job = await client.get(jobId)
        )
          await sleep(200);
      }
    };
    await Promise.all(Array.from({ length: atOnce }, take));
    const commits = new Map<string, number>();
    const outbox = queryAll(openTable(client.rig.table), {
      KeyConditionExpression: "pk = :outbox",
      ExpressionAttributeValues: { ":outbox": outboxKey },
    });
    for await (const item of outbox) {
      const { type, subject } = readOutboxItem(item);
      if (type === "job.succeeded.v1") commits.set(subject, (commits.get(subject) ?? 0) + 1);
    }
    const wrong: unknown[] = [];
    for (const [jobId, status] of expected) {
      const job = await client.get(jobId);
      // Three attempts that were all struck are the one honest way to fail.
      const struck = job?.status === "failed" && job.error?.code === "platform_worker_lost" && job.attempt >= 3;
      const ended = job?.status === status || struck;
      const once = (commits.get(jobId) ?? 0) === (job?.status === "succeeded" ? 1 : 0);
      if (!ended || !once) wrong.push({ jobId, expected: status, status: job?.status, error: job?.error, once });
    }
    expect(wrong).toEqual([]);
    const letters = await createDynamoDeadLetterStore(openTable(client.rig.table), systemClock).list();
    for (const letter of letters) expect(letter.reason).toMatch(/^usage_invalid_message: /);
    expect(client.rig.faults).toEqual([]);
  }, 3_600_000);
});
