import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { RemoteFlags } from "../../config/remote.ts";
import { jobNotFound } from "../../core/cancel.ts";
import { MixdownError } from "../../core/errors.ts";
import type { JobOutput } from "../../core/job.ts";
import { safeName } from "../../core/object-keys.ts";
import type { PublicJob } from "../../core/public-job.ts";
import { deliver, dropFolder, prepareFolder } from "../deliver.ts";
import { addDataFlag, readJobRef, type StoreOptions, withStore } from "../embedded-store.ts";
import { refuseStdout } from "../local-batch.ts";
import { checkOutput, lookAt, type OutputPlan } from "../output-file.ts";
import { addRemoteFlags, findJobsRemote } from "../remote.ts";
import { formatBytes } from "../report-table.ts";
import { createScratch } from "../scratch.ts";
import { addCommonFlags, type DefineCommand, examples, type Session } from "../session.ts";

interface DownloadOptions extends StoreOptions, RemoteFlags {
  readonly output?: string;
}

export const defineDownload: DefineCommand = (command, session) => {
  command
    .helpGroup("Jobs of the platform here:")
    .description("Copies an output of a job to a file here.")
    .argument("<JOBID>")
    .argument("[NAME]", "which output (default: the first)")
    .option(
      "-o, --output <OUT>",
      "file, folder, or - for stdout (default: the output's name, where nothing stands yet)",
    );
  addCommonFlags(addRemoteFlags(addDataFlag(command)))
    .addHelpText("after", examples("mixdown download 01J…", "mixdown download 01J… peaks.json -o talk.peaks.json"))
    .action(
      session.action((jobId: string, name: string | undefined, options: DownloadOptions) =>
        runDownload(jobId, name, options, session),
      ),
    );
};

async function runDownload(
  jobId: string,
  name: string | undefined,
  options: DownloadOptions,
  session: Session,
): Promise<number> {
  const remote = findJobsRemote(options);
  const wanted = { name, out: options.output };
  if (remote !== null) return (await import("../remote-jobs.ts")).downloadRemote(remote, jobId, wanted, session);
  const { reporter } = session;
  return withStore(options, async (store) => {
    const { jobs, objects } = store.platform;
    const job = await jobs.get(readJobRef(jobId, store));
    if (job === undefined) throw jobNotFound(jobId);
    const output = findOutput(job, name);
    const plan = planDownload(options.output, output.name);
    refuseStdout(plan, reporter);
    if ((await objects.head(output.key)) === undefined) {
      throw new MixdownError("output_expired", {
        message: `Output ${output.name} of job ${job.jobId} is gone${job.expiresAt === null ? "" : ` (kept until ${job.expiresAt})`}; \`mixdown retry ${job.jobId}\` makes it again.`,
      });
    }
    return saveOutput(job, output, plan, session, async (path) => void (await objects.getFile(output.key, path)));
  });
}

/** Fetches an output into a scratch file and puts it into its place when it is whole. @returns the exit code */
export async function saveOutput(
  job: Pick<PublicJob, "report" | "warnings">,
  output: JobOutput,
  plan: OutputPlan,
  { reporter, signal }: Session,
  fetchTo: (path: string) => Promise<void>,
): Promise<number> {
  const scratch = createScratch(resolve(prepareFolder(plan) ?? tmpdir()));
  try {
    const path = join(scratch.path, "output");
    await fetchTo(path);
    signal.throwIfAborted();
    const sizeBytes = await deliver(path, plan, process.stdout);
    const { contentType, durationSeconds, sha256 } = output;
    const outputs = [{ path: plan.shown, name: output.name, contentType, durationSeconds, sizeBytes, sha256 }];
    reporter.printJson({ status: "succeeded", outputs, report: job.report, warnings: job.warnings });
    if (plan.type === "file") reporter.print(`${plan.shown} (${formatBytes(sizeBytes)})`);
    return 0;
  } finally {
    await scratch.remove();
    dropFolder(plan);
  }
}

/** @throws MixdownError `usage_output_not_found` */
export function findOutput(job: PublicJob, name: string | undefined): JobOutput {
  const found = name === undefined ? job.outputs[0] : job.outputs.find((output) => output.name === name);
  if (found !== undefined) return found;
  const names = job.outputs.map((output) => output.name).join(", ");
  throw new MixdownError("usage_output_not_found", {
    message:
      job.outputs.length === 0
        ? `Job ${job.jobId} is ${job.status} and has no outputs; \`mixdown watch ${job.jobId}\` says more.`
        : `Job ${job.jobId} has no output ${JSON.stringify(name)}; it has ${names}.`,
  });
}

/** Where a download goes. A name that the user did not choose replaces nothing. @throws MixdownError `usage_*` */
export function planDownload(out: string | undefined, outputName: string): OutputPlan {
  if (out === "-") return { type: "stream", shown: "stdout", path: null, format: undefined };
  const name = safeName(outputName);
  const found = out === undefined || out === "" ? undefined : lookAt(out);
  const asFolder = found?.isDirectory() === true || out?.endsWith("/") === true;
  if (out !== undefined && found !== undefined && !found.isFile() && !asFolder) {
    return { type: "stream", shown: out, path: resolve(out), format: undefined };
  }
  const shown = out === undefined || out === "" ? name : asFolder ? join(out, name) : out;
  const plan = {
    type: "file",
    shown,
    format: "",
    newFolder: asFolder && found === undefined ? resolve(out ?? ".") : null,
  } as const;
  checkOutput(plan, []);
  if (out === undefined && existsSync(shown)) {
    throw new MixdownError("usage_invalid", {
      message: `${shown} is here already. Say with -o where the output shall go.`,
    });
  }
  return plan;
}
