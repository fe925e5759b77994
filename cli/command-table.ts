import type { DefineCommand } from "./session.ts";

/** Every command, loaded when it is asked for. The order is that of the help. */
export const commandLoaders: Readonly<Record<string, () => Promise<DefineCommand>>> = {
  clean: async () => (await import("./commands/clean.ts")).defineClean,
  stitch: async () => (await import("./commands/stitch.ts")).defineStitch,
  mix: async () => (await import("./commands/mix.ts")).defineMix,
  peaks: async () => (await import("./commands/peaks.ts")).definePeaks,
  probe: async () => (await import("./commands/probe.ts")).defineProbe,
  dev: async () => (await import("./commands/dev.ts")).defineDev,
  submit: async () => (await import("./commands/submit.ts")).defineSubmit,
  jobs: async () => (await import("./commands/jobs.ts")).defineJobs,
  watch: async () => (await import("./commands/watch.ts")).defineWatch,
  download: async () => (await import("./commands/download.ts")).defineDownload,
  cancel: async () => (await import("./commands/cancel.ts")).defineCancel,
  retry: async () => (await import("./commands/retry.ts")).defineRetry,
  redrive: async () => (await import("./commands/redrive.ts")).defineRedrive,
  keys: async () => (await import("./commands/keys.ts")).defineKeys,
  webhooks: async () => (await import("./commands/webhooks.ts")).defineWebhooks,
  "plan-review": async () => (await import("./commands/plan-review.ts")).definePlanReview,
  cost: async () => (await import("./commands/cost.ts")).defineCost,
  simulate: async () => (await import("./commands/simulate.ts")).defineSimulate,
  completion: async () => (await import("./commands/completion.ts")).defineCompletion,
  doctor: async () => (await import("./commands/doctor.ts")).defineDoctor,
};
