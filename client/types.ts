// The one door to the core's types. The build writes them out in full, so that the package stands alone.
export type { ErrorCode } from "../core/errors.ts";
export type { Estimate } from "../core/estimate.ts";
export type { JobInput, JobOutput, JobPhase, JobRequest, JobStatus } from "../core/job.ts";
export type { CleanParams, KindName, MixParams, StitchParams } from "../core/kinds/index.ts";
export type { PublicJob } from "../core/public-job.ts";
