import type { DeadLetter } from "../../core/ports.ts";
import { redrive } from "../../core/redrive.ts";
import { addDataFlag, noteWhenIdle, type StoreOptions, withStore } from "../embedded-store.ts";
import { formatTable } from "../report-table.ts";
import { addCommonFlags, type DefineCommand, examples, type Session } from "../session.ts";
import { formatJob } from "../watch-job.ts";

export const defineRedrive: DefineCommand = (command, session) => {
  command
    .helpGroup("Jobs of the platform here:")
    .description("Lists what could not be processed, or sends one of them once more.")
    .argument("[ID]", "of the dead letter; its job gets its next attempt");
  addCommonFlags(addDataFlag(command))
    .addHelpText("after", examples("mixdown redrive", "mixdown redrive rej_5f0c…"))
    .action(session.action((id: string | undefined, options: StoreOptions) => runRedrive(id, options, session)));
};

function runRedrive(id: string | undefined, options: StoreOptions, { reporter }: Session): Promise<number> {
  return withStore(options, async (store) => {
    if (id === undefined) {
      const letters = await store.platform.deadLetters.list();
      reporter.printJson({ letters });
      if (letters.length === 0) reporter.note("No dead letters.");
      else reporter.print(formatLetters(letters));
      return 0;
    }
    const { letter, job } = await redrive(store.platform, id);
    noteWhenIdle(store, options, reporter);
    reporter.printJson({ letter, job });
    reporter.print(formatJob(job));
    return 0;
  });
}

const formatLetters = (letters: readonly DeadLetter[]): string =>
  formatTable([
    ["id", "at (UTC)", "reason", "message"],
    ...letters.map(({ id, at, reason, body }) => [
      id,
      at.slice(0, 19).replace("T", " "),
      reason.slice(0, 100),
      body.slice(0, 60),
    ]),
  ]);
