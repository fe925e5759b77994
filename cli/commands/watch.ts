import type { RemoteFlags } from "../../config/remote.ts";
import { isTerminal } from "../../core/job.ts";
import { addDataFlag, noteWhenIdle, readJobRef, type StoreOptions, withStore } from "../embedded-store.ts";
import { addRemoteFlags, findJobsRemote } from "../remote.ts";
import { addCommonFlags, type DefineCommand, examples, type Session } from "../session.ts";
import { followJob, reportEnd } from "../watch-job.ts";

export const defineWatch: DefineCommand = (command, session) => {
  command
    .helpGroup("Jobs of the platform here:")
    .description("Follows a job to its end, and ends with the job's exit code.")
    .argument("<JOBID>");
  addCommonFlags(addRemoteFlags(addDataFlag(command)))
    .addHelpText(
      "after",
      examples(
        "mixdown watch 01J…",
        "mixdown watch 01J… --json | jq -c '[.status, .progress.percent]'    # the job at each change",
      ),
    )
    .action(session.action((jobId: string, options: StoreOptions & RemoteFlags) => runWatch(jobId, options, session)));
};

async function runWatch(jobId: string, options: StoreOptions & RemoteFlags, session: Session): Promise<number> {
  const { reporter } = session;
  const remote = findJobsRemote(options);
  if (remote !== null) return (await import("../remote-jobs.ts")).watchRemote(remote, jobId, session);
  return withStore(options, async (store) => {
    const ref = readJobRef(jobId, store);
    const standing = await store.platform.jobs.get(ref);
    if (standing !== undefined && !isTerminal(standing.status)) noteWhenIdle(store, options, reporter);
    const ended = await followJob(store.platform.jobs, ref, session, (job) => reporter.printJson(job, { lines: true }));
    return reportEnd(ended, reporter);
  });
}
