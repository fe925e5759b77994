import type { RemoteFlags } from "../../config/remote.ts";
import { retry } from "../../core/retry.ts";
import { addDataFlag, noteWhenIdle, readJobRef, type StoreOptions, withStore } from "../embedded-store.ts";
import { addRemoteFlags, findJobsRemote } from "../remote.ts";
import { addCommonFlags, type DefineCommand, examples, type Session } from "../session.ts";
import { formatJob } from "../watch-job.ts";

export const defineRetry: DefineCommand = (command, session) => {
  command
    .helpGroup("Jobs of the platform here:")
    .description("Starts a job again that failed, was canceled, or whose outputs have expired.")
    .argument("<JOBID>");
  addCommonFlags(addRemoteFlags(addDataFlag(command)))
    .addHelpText("after", examples("mixdown retry 01J…"))
    .action(session.action((jobId: string, options: StoreOptions & RemoteFlags) => runRetry(jobId, options, session)));
};

async function runRetry(jobId: string, options: StoreOptions & RemoteFlags, session: Session): Promise<number> {
  const remote = findJobsRemote(options);
  if (remote !== null) return (await import("../remote-jobs.ts")).changeRemote(remote, "retry", jobId, session);
  const { reporter } = session;
  return withStore(options, async (store) => {
    const job = await retry(store.platform, readJobRef(jobId, store));
    noteWhenIdle(store, options, reporter);
    reporter.printJson(job);
    reporter.print(formatJob(job));
    return 0;
  });
}
