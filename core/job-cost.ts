import type { Job, Lane, Size } from "./job.ts";
import { limits } from "./limits.ts";

/**
 * List prices of use, Linux on x86_64, without free tiers, discounts, taxes and traffic to the internet. What stands is
 * priced in cost.ts.
 */
export const usePrices = {
  region: "us-east-1",
  /** When they were last compared with what is published. */
  asOf: "2026-04-01",
  fargateCpuHourUsd: 0.04048,
  fargateGibHourUsd: 0.004445,
  /** Beyond the first 20 GiB of a task. */
  fargateScratchGibHourUsd: 0.000111,
  /** Spot's price moves with demand; AWS speaks of up to 70 % off. Scratch has no discount. */
  fargateSpotPart: 0.3,
  lambdaGibSecondUsd: 0.0000166667,
  /** Beyond the first 512 MiB of a function. */
  lambdaDiskGibSecondUsd: 0.0000000309,
  /** arm64: of the functions that move jobs. */
  smallLambdaGibSecondUsd: 0.0000133334,
  lambdaCallUsd: 0.2e-6,
  /** g4dn.xlarge, on demand. */
  gpuInstanceHourUsd: 0.526,
  tableWriteUsd: 0.625e-6,
  tableReadUsd: 0.125e-6,
  queueRequestUsd: 0.5e-6,
  eventUsd: 1e-6,
  objectWriteUsd: 5e-6,
  objectReadUsd: 0.4e-6,
} as const;

/** What one attempt asks of everything but its worker, rather too much than too little: it is a hundredth of a cent. */
const attemptRequests = {
  /** Transactions count twice, and the indexes' copies are writes too. */
  tableWrites: 24,
  tableReads: 16,
  queueRequests: 4,
  events: 3,
  calls: 5,
  callSeconds: 0.2,
  objectWrites: 3,
  objectReads: 5,
} as const;

/** Of the stores, the queue, the bus and the functions that move a job through one attempt. USD. */
export const attemptRequestsUsd =
  attemptRequests.tableWrites * usePrices.tableWriteUsd +
  attemptRequests.tableReads * usePrices.tableReadUsd +
  attemptRequests.queueRequests * usePrices.queueRequestUsd +
  attemptRequests.events * usePrices.eventUsd +
  attemptRequests.calls * (usePrices.lambdaCallUsd + attemptRequests.callSeconds * usePrices.smallLambdaGibSecondUsd) +
  attemptRequests.objectWrites * usePrices.objectWriteUsd +
  attemptRequests.objectReads * usePrices.objectReadUsd;

const freeScratchGib = 20;
const freeDiskGib = 0.5;
/** Fargate is paid by the second, but never for less than this. */
const fargateLeastSeconds = 60;

/** What a worker costs that is there so long, without requests. USD, unrounded; `null` where nobody is paid (embedded). */
export function workerUsd(lane: Lane, size: Size, seconds: number): number | null {
  const { cpu, memoryMib, scratchGib } = limits.taskSizes[size];
  const fargateUsd = (part: number): number =>
    (Math.max(fargateLeastSeconds, seconds) / 3_600) *
    (part * ((cpu / 1_024) * usePrices.fargateCpuHourUsd + (memoryMib / 1_024) * usePrices.fargateGibHourUsd) +
      (scratchGib - freeScratchGib) * usePrices.fargateScratchGibHourUsd);
  switch (lane) {
    case "embedded":
      return null;
    case "fargate":
      return fargateUsd(1);
    case "fargate-spot":
      return fargateUsd(usePrices.fargateSpotPart);
    case "gpu":
      // One task to an instance.
      return (seconds / 3_600) * usePrices.gpuInstanceHourUsd;
    case "lambda": {
      const { memoryMib: functionMib, diskMib } = limits.workerFunction;
      return (
        usePrices.lambdaCallUsd +
        seconds *
          ((functionMib / 1_024) * usePrices.lambdaGibSecondUsd +
            (diskMib / 1_024 - freeDiskGib) * usePrices.lambdaDiskGibSecondUsd)
      );
    }
  }
}

/** A hundredth of a micro-dollar: what is beyond it is noise of the sum. */
const round = (usd: number): number => Math.round(usd * 1e8) / 1e8;

/** One attempt with its requests. USD; `null` where nothing is paid for, or the time is not known. */
export function attemptUsd(lane: Lane, size: Size, seconds: number | null): number | null {
  const usd = seconds === null ? null : workerUsd(lane, size, seconds);
  return usd === null ? null : round(usd + attemptRequestsUsd);
}

/**
 * What a job has cost after a change: the end of an attempt that ran adds its worker's time, from claim to end, and its
 * requests; an end without a run (from the cache, canceled in the queue) its requests alone. Seconds before the claim,
 * in which an image is fetched, are known to nobody here and left out. Pure.
 */
export function costAfter(before: Job, after: Job, now: number): Job["cost"] {
  const { cost, lane, size, startedAt } = before;
  const ran = before.status === "running" && after.status !== "running";
  const endedUnstarted = before.status === "queued" && after.status !== "queued" && after.status !== "running";
  if (lane === "embedded" || (!ran && !endedUnstarted)) return cost;
  const seconds = Math.max(0, now - Date.parse(startedAt ?? before.updatedAt)) / 1_000;
  const usd = ran ? attemptUsd(lane, size, seconds) : attemptRequestsUsd;
  return usd === null ? cost : { ...cost, actualUsd: round((cost.actualUsd ?? 0) + usd) };
}
