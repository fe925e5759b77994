import { createHash } from "node:crypto";
import { createWriteStream, openAsBlob } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { JobInput, JobOutput, MixdownClient, PublicJob } from "../client/index.ts";
import { type ErrorDocument, MixdownError } from "../core/errors.ts";
import type { KindName } from "../core/kinds/index.ts";
import { deliver, dropFolder, prepareFolder } from "./deliver.ts";
import { type LocalInput, spoolStdin } from "./input-file.ts";
import { completePlan, type LocalResult, type LocalWork } from "./local-run.ts";
import { createScratch } from "./scratch.ts";
import type { Session } from "./session.ts";
import { checkFile, contentTypeOf } from "./upload-input.ts";

export interface RemoteWork extends Omit<LocalWork<object>, "recipe"> {
  readonly kind: KindName;
}

/** A job whose caller has gone is told so, but the caller does not wait long for the answer. */
const cancelMs = 3_000;

/**
 * Does on a platform elsewhere what `runLocal` does here: files go up, a job runs, its main output comes down to its
 * place. Interrupted, the job is canceled and nothing stays behind here.
 * @throws MixdownError of any family, MixdownApiError; the signal's reason
 */
export async function runRemote(
  work: RemoteWork,
  client: MixdownClient,
  { reporter, signal }: Session,
): Promise<LocalResult> {
  signal.throwIfAborted();
  const { label, output: plan } = work;
  for (const input of work.inputs) checkFile(input);
  const scratch = createScratch(resolve(prepareFolder(plan) ?? tmpdir()));
  let begun: string | undefined;
  try {
    const inputs = await uploadInputs(client, work.inputs, {
      scratchDir: scratch.path,
      signal,
      onProgress: (percent) => reporter.progress(label, "uploading", percent),
    });
    const params = Object.fromEntries(Object.entries(work.params).filter(([, value]) => value !== undefined));
    const accepted = await client.submit({ kind: work.kind, inputs, params }, { signal });
    begun = accepted.jobId;
    const job = await client.wait(begun, {
      signal,
      onProgress: ({ phase, progress }) => reporter.progress(label, phase, progress.percent),
    });
    begun = undefined;
    const main = requireOutput(job);
    const path = join(scratch.path, "output");
    await downloadOutput(client, job.jobId, main, path, signal);
    signal.throwIfAborted();
    const place = completePlan(plan, main.name, work.inputs);
    const sizeBytes = await deliver(path, place, process.stdout);
    const { contentType, durationSeconds } = main;
    return {
      outputs: [{ path: place.shown, contentType, durationSeconds, sizeBytes }],
      report: job.report,
      warnings: job.warnings,
      engine: job.engine,
    };
  } catch (thrown) {
    if (signal.aborted && begun !== undefined) {
      await client.cancel(begun, { signal: AbortSignal.timeout(cancelMs) }).catch(() => {});
    }
    throw signal.aborted ? signal.reason : thrown;
  } finally {
    reporter.endProgress();
    await scratch.remove();
    dropFolder(plan);
  }
}

/** Sends files up, one after the other; `percent` is of all their bytes. */
export async function uploadInputs(
  client: MixdownClient,
  files: readonly LocalInput[],
  options: {
    readonly scratchDir: string;
    readonly signal: AbortSignal;
    readonly onProgress: (percent: number) => void;
  },
): Promise<JobInput[]> {
  const { signal, scratchDir, onProgress } = options;
  const blobs = [];
  for (const { name, path, role } of files) {
    const blob = await openAsBlob(path ?? (await spoolStdin(process.stdin, scratchDir, signal)));
    blobs.push({ name, role, blob });
  }
  const totalBytes = blobs.reduce((sum, { blob }) => sum + blob.size, 0);
  const inputs: JobInput[] = [];
  let doneBytes = 0;
  for (const { name, role, blob } of blobs) {
    const { key } = await client.upload(blob, {
      filename: name,
      contentType: contentTypeOf(name),
      signal,
      onProgress: ({ sentBytes }) => onProgress((100 * (doneBytes + sentBytes)) / Math.max(1, totalBytes)),
    });
    doneBytes += blob.size;
    inputs.push(role === undefined ? { key } : { key, role });
  }
  return inputs;
}

/** @throws MixdownError: the job's own, or that it was canceled */
function requireOutput(job: PublicJob): JobOutput {
  if (job.error !== null) throw MixdownError.fromDocument(job.error as ErrorDocument);
  const main = job.outputs[0];
  if (job.status === "succeeded" && main !== undefined) return main;
  throw new MixdownError("platform_internal", {
    message: `Job ${job.jobId} ended as ${job.status} without an output; run the command again.`,
  });
}

/** Writes an output to `path` and compares it with what the job says. @throws MixdownError `platform_unreachable` */
export async function downloadOutput(
  client: MixdownClient,
  jobId: string,
  output: Pick<JobOutput, "name" | "sha256">,
  path: string,
  signal: AbortSignal,
): Promise<void> {
  const response = await client.download(jobId, output.name, { signal });
  const hash = createHash("sha256");
  const hashing = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      done(null, chunk);
    },
  });
  await pipeline(Readable.from(response.body ?? []), hashing, createWriteStream(path), { signal });
  if (hash.digest("hex") === output.sha256) return;
  throw new MixdownError("platform_unreachable", {
    message: `Output ${output.name} of job ${jobId} did not arrive as it was made; download it again.`,
  });
}
