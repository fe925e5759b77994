import { formatTable } from "../report-table.ts";
import { launchRates } from "./capacity.ts";
import type { Outcome } from "./outcome.ts";

/** What a person reads of a play. `command` repeats it. */
export function formatOutcome(outcome: Outcome, command: string): string {
  const { waitMs, asked, accepted, statuses } = outcome;
  const rows = [
    ["jobs", number(asked), `${number(accepted)} accepted`],
    ["ended", number(sum(statuses)), list(statuses)],
    ["lost", number(outcome.lost), ""],
    ["doubled", number(outcome.doubled), ""],
    ["hung", number(outcome.hung), ""],
    ["attempts", number(outcome.attempts), `${number(outcome.cached)} more served from the cache`],
    ["retries", number(outcome.retries), ""],
    ["failed", number(statuses.failed ?? 0), list(outcome.failures)],
    ["dead letters", number(sum(outcome.deadLetters)), list(outcome.deadLetters)],
    ["worker hours", number(sum(outcome.workHours)), list(outcome.workHours)],
    ["cost", `$${outcome.costUsd.toFixed(2)}`, "workers and requests at list prices"],
    ["drain time", formatSpan(outcome.drainMs), "from the first job's arrival to the last one's end"],
    ["wait", formatSpan(waitMs.p50), `p95 ${formatSpan(waitMs.p95)}, p99 ${formatSpan(waitMs.p99)}, until work began`],
  ];
  const incidents = Object.entries(outcome.incidents).map(([name, times]) => [name, number(times)]);
  return [
    formatTable(rows, { numbers: [1] }),
    ...(incidents.length === 0 ? [] : ["", formatTable([["what happened", "times"], ...incidents], { numbers: [1] })]),
    "",
    `Again: ${command}`,
  ].join("\n");
}

/** The rates that a play keeps to, with where they are from. */
export const formatRates = (): string =>
  formatTable([
    ["rate", "a second", "at once", "source"],
    ...Object.values(launchRates).map(({ what, perSecond, burst, source }) => [
      what,
      number(perSecond),
      number(burst),
      source,
    ]),
  ]);

const number = (value: number): string => value.toLocaleString("en-US", { maximumFractionDigits: 2 });
const sum = (counts: Readonly<Record<string, number>>): number =>
  Object.values(counts).reduce((total, value) => total + value, 0);
const list = (counts: Readonly<Record<string, number>>): string =>
  Object.entries(counts)
    .map(([name, value]) => `${name} ${number(value)}`)
    .join(", ");

/** `850 ms`, `12.3 s`, `4 min 05 s`, `2 h 03 min`. */
function formatSpan(ms: number): string {
  const seconds = Math.round(ms / 1_000);
  const pad = (value: number) => String(value).padStart(2, "0");
  if (ms < 1_000) return `${ms} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1)} s`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min ${pad(seconds % 60)} s`;
  return `${Math.floor(seconds / 3_600)} h ${pad(Math.floor((seconds % 3_600) / 60))} min`;
}
