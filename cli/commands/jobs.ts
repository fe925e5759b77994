import type { RemoteFlags } from "../../config/remote.ts";
import { jobNotFound } from "../../core/cancel.ts";
import { type JobStatus, statusSchema } from "../../core/job.ts";
import { type KindName, kindNames } from "../../core/kinds/index.ts";
import { limits } from "../../core/limits.ts";
import type { PublicJob } from "../../core/public-job.ts";
import { addDataFlag, readJobRef, type StoreOptions, withStore } from "../embedded-store.ts";
import { parseChoice, parseNumber } from "../param-flags.ts";
import { addRemoteFlags, findJobsRemote } from "../remote.ts";
import { formatTable } from "../report-table.ts";
import { addCommonFlags, type DefineCommand, examples, type Session } from "../session.ts";
import { formatJob } from "../watch-job.ts";

interface JobsOptions extends StoreOptions, RemoteFlags {
  readonly status?: JobStatus;
  readonly kind?: KindName;
  readonly limit: number;
  readonly cursor?: string;
}

const page = limits.listPageSize;

export const defineJobs: DefineCommand = (command, session) => {
  command
    .helpGroup("Jobs of the platform here:")
    .description("Lists the jobs, newest first, or shows one.")
    .argument("[JOBID]", "show this one, with its outputs and report")
    .option("--status <status>", statusSchema.options.join(", "), (text: string) =>
      parseChoice("--status", text, statusSchema.options),
    )
    .option("--kind <kind>", kindNames.join(", "), (text: string) => parseChoice("--kind", text, kindNames))
    .option(
      "--limit <number>",
      `how many at most (1 to ${page.max})`,
      (text: string) => parseNumber("--limit", text, { min: 1, max: page.max, whole: true }),
      page.default as number,
    )
    .option("--cursor <text>", "where the page before ended (`next` of --json)");
  addCommonFlags(addRemoteFlags(addDataFlag(command)))
    .addHelpText(
      "after",
      examples("mixdown jobs", "mixdown jobs --status failed --limit 5", "mixdown jobs 01J… --json"),
    )
    .action(session.action((jobId: string | undefined, options: JobsOptions) => runJobs(jobId, options, session)));
};

async function runJobs(jobId: string | undefined, options: JobsOptions, session: Session): Promise<number> {
  const remote = findJobsRemote(options);
  if (remote !== null) return (await import("../remote-jobs.ts")).showRemoteJobs(remote, jobId, options, session);
  const { reporter } = session;
  return withStore(options, async (store) => {
    if (jobId !== undefined) {
      const job = await store.platform.jobs.get(readJobRef(jobId, store));
      if (job === undefined) throw jobNotFound(jobId);
      reporter.printJson(job);
      reporter.print(
        job.error === null ? formatJob(job) : `${formatJob(job)}\n  ${job.error.code}: ${job.error.detail}`,
      );
      return 0;
    }
    const { status, kind, limit, cursor } = options;
    showPage(await store.platform.jobs.list(store.config.defaultOwner, { status, kind, limit, cursor }), reporter);
    return 0;
  });
}

export function showPage(
  { jobs, next }: { readonly jobs: readonly PublicJob[]; readonly next: string | null },
  reporter: Session["reporter"],
): void {
  reporter.printJson({ jobs, next });
  if (jobs.length === 0) reporter.note("No jobs.");
  else reporter.print(formatJobs(jobs));
  if (next !== null) reporter.note(`There are more: --cursor ${next}`);
}

/** One line a job. Pure. */
function formatJobs(jobs: readonly PublicJob[]): string {
  const rows = jobs.map((job) => [
    job.jobId,
    job.kind,
    job.status,
    job.status === "running" ? `${Math.floor(job.progress.percent)} %` : "",
    job.createdAt.slice(0, 19).replace("T", " "),
    job.error?.code ?? job.waitsFor?.next ?? (job.cached ? "from an earlier result" : ""),
  ]);
  return formatTable([["job", "kind", "status", "", "created (UTC)", ""], ...rows], { numbers: [3] });
}
