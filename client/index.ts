export { MixdownApiError, type Problem } from "./api-error.ts";
export {
  type CallOptions,
  type ClientOptions,
  createClient,
  type JobPage,
  type ListOptions,
  type MixdownClient,
  type PageOptions,
  type SubmitOptions,
} from "./client.ts";
export type { Composed, MixRequest, StitchRequest } from "./compose.ts";
export type { ResumePoint } from "./multipart.ts";
export type {
  CleanParams,
  ErrorCode,
  Estimate,
  JobInput,
  JobOutput,
  JobPhase,
  JobRequest,
  JobStatus,
  KindName,
  MixParams,
  PublicJob,
  StitchParams,
} from "./types.ts";
export type { UploadedFile, UploadOptions, UploadProgress } from "./upload.ts";
export type { WaitOptions } from "./wait.ts";
export { isTerminal, type WatchOptions } from "./watch.ts";
