import type { Transport } from "./transport.ts";
import type { MixParams, PublicJob, StitchParams } from "./types.ts";

export type StitchRequest = {
  /** Keys of the parts, in order. */
  readonly message_parts: readonly string[];
  /** Echoed in the job. */
  readonly metadata?: Readonly<Record<string, string>>;
} & Partial<StitchParams>;

export type MixRequest = {
  /** Key, or keys in order. */
  readonly narration: string | readonly string[];
  /** Key of the music. */
  readonly music: string;
  /** Echoed in the job. */
  readonly metadata?: Readonly<Record<string, string>>;
} & Partial<MixParams>;

export type Composed =
  | { readonly done: true; readonly url: string; readonly cached: boolean; readonly jobId: string }
  | { readonly done: false; readonly job: PublicJob; readonly jobId: string };

/** Equal calls are served from the cache, so that a repeat after a lost answer makes nothing twice. */
export async function compose(
  transport: Transport,
  path: "/stitch" | "/mix",
  json: StitchRequest | MixRequest,
  signal: AbortSignal | undefined,
): Promise<Composed> {
  type Answer = { readonly public_url: string; readonly cached: boolean; readonly job_id: string };
  const answer = await transport.json<Answer | PublicJob>("POST", path, { json, signal, repeatable: true });
  if ("public_url" in answer) {
    return { done: true, url: answer.public_url, cached: answer.cached, jobId: answer.job_id };
  }
  return { done: false, job: answer, jobId: answer.jobId };
}
