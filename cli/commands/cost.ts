import { attemptUsd, usePrices } from "../../core/job-cost.ts";
import { chooseSize, estimateSeconds, firstLane, guessDurationSeconds } from "../../core/lane.ts";
import { parseNumber } from "../param-flags.ts";
import { formatTable } from "../report-table.ts";
import { addCommonFlags, type DefineCommand, examples, type Session } from "../session.ts";

interface CostFlags {
  readonly env: string;
  readonly jobs: number;
  readonly minutes: number;
}

/** Speech as MP3 at 128 kbit/s. */
const bytesPerSecond = 16_000;
/** Of the kinds, none takes longer for a minute of sound. */
const kind = "clean";
const lanes = ["lambda", "fargate-spot", "fargate"] as const;

export const defineCost: DefineCommand = (command, session) => {
  const number = (flag: string, range: { min: number; max: number; whole?: boolean }) => (text: string) =>
    parseNumber(flag, text, range);
  addCommonFlags(
    command
      .helpGroup("The platform on AWS:")
      .description("Says what an environment costs a month at rest, and what jobs cost in it, at list prices.")
      .option("--env <name>", "dev, test, stage or prod; MIXDOWN_* change its settings as they do for synth", "dev")
      .option("--jobs <number>", "jobs a month", number("--jobs", { min: 0, max: 1e9, whole: true }), 1_000)
      .option("--minutes <number>", "minutes of sound a job", number("--minutes", { min: 0.01, max: 1_440 }), 30),
  )
    .addHelpText(
      "after",
      examples("mixdown cost --env dev", "mixdown cost --env prod --jobs 20000 --minutes 90 --json"),
    )
    .action(session.action((flags: CostFlags) => runCost(flags, session)));
};

async function runCost({ env, jobs, minutes }: CostFlags, { reporter }: Session): Promise<number> {
  const { readNamedEnvironment } = await import("../../config/environments.ts");
  const { listStandingParts } = await import("../../config/standing-parts.ts");
  const { buildMonthlyFloor, formatMonthlyFloor, prices, sumMonthly } = await import("../../core/cost.ts");
  const environment = readNamedEnvironment(env);
  const floor = buildMonthlyFloor(listStandingParts(environment));
  const job = priceJob(minutes, environment.lambdaLane);
  const monthUsd = { floor: sumMonthly(floor), jobs: jobs * job.usd, sum: sumMonthly(floor) + jobs * job.usd };
  reporter.printJson({
    environment: environment.name,
    prices: { region: prices.region, standingAsOf: prices.asOf, useAsOf: usePrices.asOf },
    floor,
    job: { kind, minutes, ...job },
    jobs,
    monthUsd,
  });
  const rows = job.lanes.map(({ lane, seconds, usd }) => [
    lane,
    `${seconds.toFixed(0)} s`,
    `$${usd.toFixed(5)}`,
    `$${(usd * 1_000).toFixed(2)}`,
    lane === job.lane ? "where it starts" : "",
  ]);
  reporter.print(
    [
      formatMonthlyFloor(environment.name, floor),
      "",
      `A ${kind} of ${minutes} min, requests included (list prices of ${usePrices.region}, ${usePrices.asOf}):`,
      formatTable([["lane", "time", "a job", "a thousand", ""], ...rows], { numbers: [1, 2, 3] }),
      "",
      `${jobs.toLocaleString("en-US")} of them a month: $${monthUsd.jobs.toFixed(2)}; with what stands $${monthUsd.sum.toFixed(2)}.`,
    ].join("\n"),
  );
  return 0;
}

interface JobPrice {
  /** Where the platform would start it. */
  readonly lane: string;
  readonly usd: number;
  readonly lanes: readonly { readonly lane: string; readonly seconds: number; readonly usd: number }[];
}

/** The platform goes by a file's size, as it does for jobs; the price by what the recording really lasts. */
function priceJob(minutes: number, lambdaLane: boolean): JobPrice {
  const durationSeconds = minutes * 60;
  const sizeBytes = durationSeconds * bytesPerSecond;
  const guessed = { sizeBytes, durationSeconds: guessDurationSeconds(sizeBytes, "audio/mpeg") };
  const lane = firstLane({ lanes: "aws", lambdaLane }, kind, guessed);
  const seconds = estimateSeconds(kind, { sizeBytes, durationSeconds }) ?? 0;
  const priceOf = (one: (typeof lanes)[number]) => attemptUsd(one, chooseSize(sizeBytes), seconds) ?? 0;
  const offered = lanes.filter((one) => lambdaLane || one !== "lambda");
  const listed = offered.map((one) => ({ lane: one, seconds, usd: priceOf(one) }));
  return { lane, usd: listed.find((one) => one.lane === lane)?.usd ?? 0, lanes: listed };
}
