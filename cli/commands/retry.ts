import { retry } from "../../core/retry.ts";
import { addDataFlag, noteWhenIdle, readJobRef, type StoreOptions, withStore } from "../embedded-store.ts";
import { addCommonFlags, type DefineCommand, examples, type Session } from "../session.ts";
import { formatJob } from "../watch-job.ts";

export const defineRetry: DefineCommand = (command, session) => {
  command
    .helpGroup("Jobs of the platform here:")
    .description("Starts a job again that failed, was canceled, or whose outputs have expired.")
    .argument("<JOBID>");
  addCommonFlags(addDataFlag(command))
    .addHelpText("after", examples("mixdown retry 01J…"))
    .action(session.action((jobId: string, options: StoreOptions) => runRetry(jobId, options, session)));
};

function runRetry(jobId: string, options: StoreOptions, { reporter }: Session): Promise<number> {
  return withStore(options, async (store) => {
    const job = await retry(store.platform, readJobRef(jobId, store));
    noteWhenIdle(store, options, reporter);
    reporter.printJson(job);
    reporter.print(formatJob(job));
    return 0;
  });
}
