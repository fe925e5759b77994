import { randomInt } from "node:crypto";
import { parseNumber } from "../param-flags.ts";
import { addCommonFlags, type DefineCommand, examples, type Session } from "../session.ts";
import { launchRates, parseCapacity } from "../simulate/capacity.ts";
import { parseFaults } from "../simulate/faults.ts";

interface SimulateFlags {
  readonly jobs: number;
  readonly faults: string;
  readonly capacity: string;
  readonly minutes: number;
  readonly seed?: number;
  readonly rates?: boolean;
}

const seeds = 2 ** 32;

export const defineSimulate: DefineCommand = (command, session) => {
  const whole = (flag: string, min: number, max: number) => (text: string) =>
    parseNumber(flag, text, { min, max, whole: true });
  addCommonFlags(
    command
      .helpGroup("Other:")
      .description(
        "Plays the platform on AWS in memory, in a time of its own, with everything going wrong that can; says what was lost.",
      )
      .option("--jobs <number>", "how many arrive", whole("--jobs", 1, 1_000_000), 10_000)
      .option("--faults <list>", "none, default or heavy, and changes to it (default,crash=0.1,dry=0.5)", "default")
      .option("--minutes <number>", "in which they arrive; 0: all at once", whole("--minutes", 0, 10_080), 60)
      .option(
        "--capacity <list>",
        "vCPUs, concurrent calls: fargate=200,fargate-spot=500,lambda=100,run-task=40,invokers=20",
        "",
      )
      .option(
        "--seed <number>",
        "repeats a play exactly (default: another one each time)",
        whole("--seed", 0, seeds - 1),
      )
      .option("--rates", "print the launch rates that it keeps to, and where they are from"),
  )
    .addHelpText(
      "after",
      `${examples(
        "mixdown simulate --jobs 10000 --faults default",
        "mixdown simulate --jobs 100000 --faults none --minutes 0 --capacity fargate-spot=4000,lambda=0",
      )}\nEnds with 1 when a job was lost, ended twice, or did not end.\n`,
    )
    .action(session.action((options: SimulateFlags) => runSimulate(options, session)));
};

async function runSimulate(flags: SimulateFlags, { reporter, signal }: Session): Promise<number> {
  const faults = parseFaults("--faults", flags.faults);
  const capacity = parseCapacity("--capacity", flags.capacity);
  const { formatOutcome, formatRates } = await import("../simulate/summary.ts");
  if (flags.rates === true) {
    reporter.printJson({ rates: launchRates });
    reporter.print(formatRates());
    return 0;
  }
  const seed = flags.seed ?? randomInt(seeds);
  const { simulate } = await import("../simulate/simulate.ts");
  const outcome = await simulate({
    jobs: flags.jobs,
    overMs: flags.minutes * 60_000,
    faults,
    capacity,
    seed,
    signal,
    onProgress: (ended) => reporter.progress("simulate", "jobs ended", Math.min(100, (100 * ended) / flags.jobs)),
  });
  reporter.endProgress();
  const holds = outcome.lost + outcome.doubled + outcome.hung === 0;
  const { jobs, minutes } = flags;
  const settings = { jobs, minutes, faults: flags.faults, capacity: flags.capacity, seed };
  reporter.printJson({ status: holds ? "succeeded" : "failed", settings, ...outcome });
  reporter.print(formatOutcome(outcome, buildCommand(settings)));
  return holds ? 0 : 1;
}

/** The command line that plays the same again. */
function buildCommand(settings: {
  jobs: number;
  minutes: number;
  faults: string;
  capacity: string;
  seed: number;
}): string {
  const { jobs, minutes, faults, capacity, seed } = settings;
  const bounds = capacity === "" ? "" : ` --capacity ${capacity}`;
  return `mixdown simulate --jobs ${jobs} --faults ${faults} --minutes ${minutes}${bounds} --seed ${seed}`;
}
