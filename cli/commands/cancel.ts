import { cancel } from "../../core/cancel.ts";
import { addDataFlag, readJobRef, type StoreOptions, withStore } from "../embedded-store.ts";
import { addCommonFlags, type DefineCommand, examples, type Session } from "../session.ts";
import { formatJob } from "../watch-job.ts";

export const defineCancel: DefineCommand = (command, session) => {
  command
    .helpGroup("Jobs of the platform here:")
    .description("Cancels a job: at once while it waits, within seconds while it runs.")
    .argument("<JOBID>");
  addCommonFlags(addDataFlag(command))
    .addHelpText("after", examples("mixdown cancel 01J…"))
    .action(session.action((jobId: string, options: StoreOptions) => runCancel(jobId, options, session)));
};

function runCancel(jobId: string, options: StoreOptions, { reporter }: Session): Promise<number> {
  return withStore(options, async (store) => {
    const job = await cancel(store.platform, readJobRef(jobId, store));
    reporter.printJson(job);
    reporter.print(job.status === "canceled" ? formatJob(job) : `${formatJob(job)}, is being stopped`);
    return 0;
  });
}
