import type { RemoteFlags } from "../../config/remote.ts";
import { cancel } from "../../core/cancel.ts";
import { addDataFlag, readJobRef, type StoreOptions, withStore } from "../embedded-store.ts";
import { addRemoteFlags, findJobsRemote } from "../remote.ts";
import { addCommonFlags, type DefineCommand, examples, type Session } from "../session.ts";
import { formatJob } from "../watch-job.ts";

export const defineCancel: DefineCommand = (command, session) => {
  command
    .helpGroup("Jobs of the platform here:")
    .description("Cancels a job: at once while it waits, within seconds while it runs.")
    .argument("<JOBID>");
  addCommonFlags(addRemoteFlags(addDataFlag(command)))
    .addHelpText("after", examples("mixdown cancel 01J…"))
    .action(session.action((jobId: string, options: StoreOptions & RemoteFlags) => runCancel(jobId, options, session)));
};

async function runCancel(jobId: string, options: StoreOptions & RemoteFlags, session: Session): Promise<number> {
  const remote = findJobsRemote(options);
  if (remote !== null) return (await import("../remote-jobs.ts")).changeRemote(remote, "cancel", jobId, session);
  const { reporter } = session;
  return withStore(options, async (store) => {
    const job = await cancel(store.platform, readJobRef(jobId, store));
    reporter.printJson(job);
    reporter.print(job.status === "canceled" ? formatJob(job) : `${formatJob(job)}, is being stopped`);
    return 0;
  });
}
