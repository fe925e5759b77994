import { MixdownError } from "../../core/errors.ts";
import { type AmountTable, parseAmounts } from "./parse-amounts.ts";

const share = { min: 0, max: 1 };

/** What can go wrong; each a probability, most of them for one process, message, event or job. */
export const faultTable = {
  /** A process (API, invoker, worker, listener, reconciler) dies at one of its writes, before or after it. */
  crash: share,
  /** A worker is killed at some time of its work. */
  kill: share,
  /** A worker stands still for minutes, and then goes on as if nothing had been. */
  stall: share,
  /** A message comes twice. */
  duplicate: share,
  /** A message that was sent never comes. */
  lost: share,
  /** The news of a task's end never comes. */
  eventLost: share,
  /** It comes twice, at different times. */
  eventTwice: share,
  /** A call of a store fails; half of these have taken effect all the same. */
  store: share,
  /** Spot takes a task's capacity away, per hour of work. */
  interruption: { min: 0, max: 60 },
  /** Share of the time in which Spot has no capacity. */
  dry: { min: 0, max: 0.9 },
  /** A task that was accepted does not start. */
  noStart: share,
  /** A launch is refused for the installation's own mistake. */
  misconfigured: share,
  /** A job needs more memory than it gets at first. */
  memory: share,
  /** ffmpeg falls over, per attempt. */
  ffmpeg: share,
  /** A job's file cannot be decoded. */
  broken: share,
  /** A caller cancels the job. */
  cancel: share,
  /** Messages that fit no shape or name another's id, as a share of the jobs. */
  poison: share,
} as const satisfies AmountTable;

export type Faults = Readonly<Record<keyof typeof faultTable, number>>;

const none = Object.fromEntries(Object.keys(faultTable).map((name) => [name, 0])) as Faults;

const usual: Faults = {
  crash: 0.01,
  kill: 0.005,
  stall: 0.003,
  duplicate: 0.02,
  lost: 0.005,
  eventLost: 0.02,
  eventTwice: 0.05,
  store: 0.001,
  interruption: 0.5,
  dry: 0.1,
  noStart: 0.01,
  misconfigured: 0.0002,
  memory: 0.01,
  ffmpeg: 0.005,
  broken: 0.01,
  cancel: 0.01,
  poison: 0.005,
};

/** Five times the usual, and the weather worse. */
const heavy = Object.fromEntries(
  Object.entries(usual).map(([name, value]) => [name, name === "dry" ? 0.4 : Math.min(1, value * 5)]),
) as Faults;

export const faultPresets = { none, default: usual, heavy } as const;

/** Reads `default`, `none,crash=0.1`, `crash=0.1` (which means none but that). @throws MixdownError `usage_invalid` */
export function parseFaults(flag: string, text: string): Faults {
  const [first = "", ...rest] = text.split(",");
  if (Object.hasOwn(faultPresets, first)) {
    return { ...faultPresets[first as keyof typeof faultPresets], ...parseAmounts(flag, rest.join(","), faultTable) };
  }
  if (first.includes("=")) return { ...none, ...parseAmounts(flag, text, faultTable) };
  throw new MixdownError("usage_invalid", {
    message: `${flag} is ${JSON.stringify(text)}; allowed is ${Object.keys(faultPresets).join(", ")}, and changes to it such as default,crash=0.1.`,
  });
}
