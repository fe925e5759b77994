import { type AmountTable, parseAmounts } from "./parse-amounts.ts";

const fargateSource = "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/throttling.html";
const lambdaSource = "https://docs.aws.amazon.com/lambda/latest/dg/scaling-behavior.html";

/** Rates at which AWS lets an account start things in one region, as its documentation had them in November 2026. */
export const launchRates = {
  runTask: { perSecond: 20, burst: 20, what: "calls of RunTask for Fargate", source: fargateSource },
  fargate: { perSecond: 20, burst: 100, what: "tasks on demand", source: fargateSource },
  "fargate-spot": { perSecond: 20, burst: 100, what: "tasks on Spot", source: fargateSource },
  lambda: { perSecond: 100, burst: 1_000, what: "new environments of one function", source: lambdaSource },
} as const;

const count = { min: 0, max: 1_000_000 };

/** What there is of each. vCPU quotas differ from account to account, so that without a word there is no such bound. */
const capacityTable = {
  /** vCPUs on demand. */
  fargate: count,
  /** vCPUs on Spot. */
  "fargate-spot": count,
  /** Concurrent calls of the worker's function; 0: there is none. */
  lambda: count,
  /** Calls of RunTask a second. */
  "run-task": { min: 1, max: 10_000 },
  /** Concurrent calls of the invoker (the mapping's maximum concurrency). */
  invokers: { min: 1, max: 1_000 },
} as const satisfies AmountTable;

export type Capacity = Readonly<Record<keyof typeof capacityTable, number>>;

const usual: Capacity = {
  fargate: Number.POSITIVE_INFINITY,
  "fargate-spot": Number.POSITIVE_INFINITY,
  // The account's default, which all of its functions share.
  lambda: 1_000,
  "run-task": launchRates.runTask.perSecond,
  invokers: 10,
};

/** @throws MixdownError `usage_invalid` */
export const parseCapacity = (flag: string, text: string): Capacity => ({
  ...usual,
  ...parseAmounts(flag, text, capacityTable),
});

/** A bucket that holds `burst` tokens and gets `perSecond` new ones. */
export class TokenBucket {
  readonly #perSecond: number;
  readonly #burst: number;
  #tokens: number;
  #at = 0;

  constructor({ perSecond, burst }: { readonly perSecond: number; readonly burst: number }) {
    this.#perSecond = perSecond;
    this.#burst = burst;
    this.#tokens = burst;
  }

  /** @param now milliseconds. @returns false when there is none, and none is taken */
  take(now: number): boolean {
    this.#tokens = Math.min(this.#burst, this.#tokens + ((now - this.#at) / 1_000) * this.#perSecond);
    this.#at = now;
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}
