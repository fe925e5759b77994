import { tmpdir } from "node:os";
import type { JobInput, JobRequest, JobStatus, KindName, MixdownClient } from "../client/index.ts";
import type { RemoteTarget } from "../config/remote.ts";
import { findOutput, planDownload, saveOutput } from "./commands/download.ts";
import { showPage } from "./commands/jobs.ts";
import { refuseStdout } from "./local-batch.ts";
import { withRemote } from "./remote.ts";
import { downloadOutput, uploadInputs } from "./remote-run.ts";
import { createScratch } from "./scratch.ts";
import type { Session } from "./session.ts";
import type { JobSource } from "./upload-input.ts";
import { formatJob, reportEnd, showStates } from "./watch-job.ts";

/** `mixdown submit` on a platform elsewhere. @returns the exit code, with `wait` the job's */
export function submitRemote(
  target: RemoteTarget,
  request: Omit<JobRequest, "inputs">,
  sources: readonly JobSource[],
  { wait }: { readonly wait: boolean },
  { reporter, signal }: Session,
): Promise<number> {
  return withRemote(target, signal, async (client) => {
    const inputs = await sendSources(client, sources, reporter, signal);
    const job = await client.submit({ ...request, inputs }, { signal });
    if (!wait) {
      reporter.printJson(job);
      reporter.print(job.jobId);
      return 0;
    }
    const ended = await showStates(client.watch(job.jobId, { signal }), job.jobId, reporter);
    reporter.printJson(ended);
    return reportEnd(ended, reporter);
  });
}

async function sendSources(
  client: MixdownClient,
  sources: readonly JobSource[],
  reporter: Session["reporter"],
  signal: AbortSignal,
): Promise<JobInput[]> {
  const files = sources.flatMap((source) => (source.type === "file" ? [source.file] : []));
  const scratch = files.some(({ path }) => path === null) ? createScratch(tmpdir()) : null;
  try {
    const sent = await uploadInputs(client, files, {
      scratchDir: scratch?.path ?? "",
      signal,
      onProgress: (percent) => reporter.progress("files", "uploading", percent),
    });
    const next = sent.values();
    return sources.map((source) => (source.type === "stored" ? source.input : (next.next().value as JobInput)));
  } finally {
    reporter.endProgress();
    await scratch?.remove();
  }
}

/** `mixdown jobs` on a platform elsewhere. */
export function showRemoteJobs(
  target: RemoteTarget,
  jobId: string | undefined,
  query: {
    readonly status?: JobStatus | undefined;
    readonly kind?: KindName | undefined;
    readonly limit: number;
    readonly cursor?: string | undefined;
  },
  { reporter, signal }: Session,
): Promise<number> {
  return withRemote(target, signal, async (client) => {
    if (jobId !== undefined) {
      const job = await client.get(jobId, { signal });
      reporter.printJson(job);
      reporter.print(
        job.error === null ? formatJob(job) : `${formatJob(job)}\n  ${job.error.code}: ${job.error.detail}`,
      );
      return 0;
    }
    const { status, kind, limit, cursor } = query;
    showPage(await client.listPage({ status, kind, limit, cursor, signal }), reporter);
    return 0;
  });
}

/** `mixdown watch` on a platform elsewhere. @returns the job's exit code */
export function watchRemote(target: RemoteTarget, jobId: string, { reporter, signal }: Session): Promise<number> {
  return withRemote(target, signal, async (client) => {
    const states = client.watch(jobId, { signal });
    const ended = await showStates(states, jobId, reporter, (job) => reporter.printJson(job, { lines: true }));
    return reportEnd(ended, reporter);
  });
}

/** `mixdown cancel` and `mixdown retry` on a platform elsewhere. */
export function changeRemote(
  target: RemoteTarget,
  change: "cancel" | "retry",
  jobId: string,
  { reporter, signal }: Session,
): Promise<number> {
  return withRemote(target, signal, async (client) => {
    const job = await client[change](jobId, { signal });
    reporter.printJson(job);
    const isStopping = change === "cancel" && job.status !== "canceled";
    reporter.print(isStopping ? `${formatJob(job)}, is being stopped` : formatJob(job));
    return 0;
  });
}

/** `mixdown download` from a platform elsewhere. */
export function downloadRemote(
  target: RemoteTarget,
  jobId: string,
  { name, out }: { readonly name: string | undefined; readonly out: string | undefined },
  session: Session,
): Promise<number> {
  const { reporter, signal } = session;
  return withRemote(target, signal, async (client) => {
    const job = await client.get(jobId, { signal });
    const output = findOutput(job, name);
    const plan = planDownload(out, output.name);
    refuseStdout(plan, reporter);
    return saveOutput(job, output, plan, session, (path) => downloadOutput(client, job.jobId, output, path, signal));
  });
}
