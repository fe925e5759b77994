import type { Command } from "commander";
import type { MixdownClient } from "../client/index.ts";
import { type RemoteFlags, type RemoteTarget, readRemoteTarget } from "../config/remote.ts";
import { MixdownError } from "../core/errors.ts";

export const addRemoteFlags = (command: Command): Command =>
  command
    .option("--remote <URL>", "do it on the platform at URL instead of here; its key is MIXDOWN_KEY")
    .option("--profile <NAME>", "the same with url and key of NAME in ~/.config/mixdown/config.json");

/** For a command on files here, which leave this machine only when the command line says so. */
export const findRemote = (flags: RemoteFlags): RemoteTarget | null => readRemoteTarget(flags, { ambient: false });

/** For a command on jobs: MIXDOWN_URL counts too, unless a folder is named. @throws MixdownError `usage_invalid` */
export function findJobsRemote(flags: RemoteFlags & { readonly data?: string }): RemoteTarget | null {
  const target = readRemoteTarget(flags, { ambient: flags.data === undefined });
  if (target === null || flags.data === undefined) return target;
  throw new MixdownError("usage_invalid", {
    message: "--data is a folder here, and --remote or --profile a platform elsewhere; leave one out.",
  });
}

/** How long a platform may take to answer at all. */
const greetingMs = 10_000;

/**
 * Speaks to the platform. What it refuses comes as the `MixdownError` that it is.
 * @throws MixdownError `platform_unreachable` at once when nobody answers
 */
export async function withRemote<Result>(
  target: RemoteTarget,
  signal: AbortSignal,
  work: (client: MixdownClient) => Promise<Result>,
): Promise<Result> {
  const { createClient, MixdownApiError } = await import("../client/index.ts");
  await greet(target, signal);
  try {
    return await work(createClient({ baseUrl: target.url, key: target.key }));
  } catch (thrown) {
    signal.throwIfAborted();
    if (!(thrown instanceof MixdownApiError)) throw thrown;
    const { code, message, hint, retryable } = thrown;
    throw new MixdownError(code, { message, hint, retryable, cause: thrown });
  }
}

/** The client tries for half a minute what may come back; a wrong address should be told at once. */
async function greet({ url }: RemoteTarget, signal: AbortSignal): Promise<void> {
  try {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(greetingMs)]);
    const response = await fetch(`${url}/healthz`, { signal: limit });
    await response.body?.cancel();
  } catch (cause) {
    signal.throwIfAborted();
    throw new MixdownError("platform_unreachable", {
      message: `${url} does not answer; start the platform there, or correct the address.`,
      cause,
    });
  }
}
