import { cancel } from "../../core/cancel.ts";
import { MixdownError } from "../../core/errors.ts";
import { submit } from "../../core/submit.ts";
import { isCrash } from "./mortal.ts";
import { functionMs, startProcess } from "./process.ts";
import { count, happens, type Scene } from "./scene.ts";
import { isPassing } from "./task-end.ts";
import { type Arrival, bytesPerSecond, contentType } from "./traffic.ts";

const owner = "local";
/** A caller that got no answer asks again this often, with the same id. */
const rounds = 4;

/** One caller: puts its files up, asks for its job, and perhaps thinks better of it. */
export async function call(scene: Scene, arrival: Arrival): Promise<void> {
  const { objects, ledger, facts, time } = scene;
  const { jobId, durationSeconds, needs, broken } = arrival;
  facts.set(jobId, { durationSeconds, needs, broken });
  for (const key of arrival.uploads) {
    objects.put(key, jobId, Math.round(durationSeconds * bytesPerSecond), contentType);
  }
  ledger.arrive(jobId);
  const accepted = arrival.via === "queue" ? await sendForeign(scene, arrival) : await ask(scene, arrival);
  if (accepted) ledger.accept(jobId);
  if (happens(scene, "poisoned messages", scene.faults.poison)) {
    // Only an id that is taken for certain can be named in vain.
    await sendPoison(scene, jobId, accepted && arrival.via === "api");
  }
  const { cancelAfterMs } = arrival;
  if (cancelAfterMs === null || !accepted) return;
  scene.crew.start(async () => {
    await time.sleep(cancelAfterMs);
    await giveUp(scene, jobId);
  });
}

/** @returns whether the caller was told that the job is accepted */
async function ask(scene: Scene, { request }: Arrival): Promise<boolean> {
  const sources = request.inputs.flatMap((input) => ("jobId" in input ? [input.jobId] : []));
  // Who joins the results of jobs has been told before that they are accepted.
  for (let round = 0; round < 60 && !sources.every(scene.ledger.isAccepted); round++) await scene.time.sleep(1_000);
  for (let round = 0; round < rounds; round++) {
    try {
      await submit(startProcess(scene, "API", { limitMs: functionMs }).platform, request, { owner });
      return true;
    } catch (thrown) {
      if (!isCrash(thrown) && !isPassing(thrown)) {
        if (!(thrown instanceof MixdownError) || thrown.source !== "user") throw thrown;
        count(scene.tally, "requests refused");
        return false;
      }
      await scene.time.sleep(scene.random.between(1_000, 10_000));
    }
  }
  return false;
}

/** Somebody else's system puts the message into the queue itself. */
async function sendForeign(scene: Scene, { jobId, uploads }: Arrival): Promise<boolean> {
  const body = JSON.stringify({ job_id: jobId, s3_key: uploads[0] });
  await sendRaw(scene, jobId, body);
  if (happens(scene, "messages repeated", scene.faults.duplicate)) await sendRaw(scene, `${jobId}/again`, body);
  return true;
}

/** What no job can be made of: no JSON, no known shape, or the id of a job that is another. */
async function sendPoison(scene: Scene, jobId: string, isTaken: boolean): Promise<void> {
  const bodies = [
    `{"job_id": "${jobId}"`,
    JSON.stringify({ task: jobId }),
    JSON.stringify({ job_id: jobId, s3_key: `stolen/${jobId}.mp3`, priority: 1 }),
    ...(isTaken ? [JSON.stringify({ job_id: jobId, kind: "clean", inputs: [{ key: "raw/local/0/other.mp3" }] })] : []),
  ];
  const body = bodies[scene.random.whole(0, bodies.length - 1)] ?? "";
  scene.ledger.poison.add(body);
  await sendRaw(scene, `${jobId}/poison`, body);
}

async function sendRaw({ time, stores, bell }: Scene, id: string, body: string): Promise<void> {
  await time.work(() => stores.queue.send({ body, groupId: id, deduplicationId: `foreign/${id}` }));
  bell.ring();
}

async function giveUp(scene: Scene, jobId: string): Promise<void> {
  try {
    await cancel(startProcess(scene, "API", { limitMs: functionMs }).platform, { owner, jobId });
    count(scene.tally, "jobs canceled");
  } catch (thrown) {
    const ended = thrown instanceof MixdownError && /^usage_(not_cancelable|job_not_found)$/.test(thrown.code);
    if (!ended && !isCrash(thrown) && !isPassing(thrown)) throw thrown;
  }
}
