import { anySignal } from "./any-signal.ts";
import { MixdownApiError, unreachable } from "./api-error.ts";
import { askedMs, backoffMs, isTemporary, sleep } from "./backoff.ts";
import { readEvents } from "./event-stream.ts";
import type { Transport } from "./transport.ts";
import type { JobStatus, PublicJob } from "./types.ts";

export interface WatchOptions {
  readonly signal?: AbortSignal | undefined;
  /** Polls from the beginning instead of reading the event stream. @default false */
  readonly poll?: boolean | undefined;
  /** How long the server may be away before the watch gives up, milliseconds. @default 120000 */
  readonly outageMs?: number | undefined;
}

/** A live stream shows a heartbeat every 15 s; one that is silent for longer is being collected by a proxy. */
const silenceMs = 40_000;
/** Streams in a row that brought nothing, after which polling takes over. */
const mostEmptyStreams = 2;

export const isTerminal = (status: JobStatus): boolean =>
  status === "succeeded" || status === "failed" || status === "canceled";

/**
 * A job's states as they come, the terminal one exactly once and last, across lost connections and server restarts.
 * States between two looks may be skipped.
 * @throws MixdownApiError (`usage_job_not_found`, `auth_*`, `platform_unreachable` after `outageMs`), the signal's reason
 */
export async function* watchJob(
  transport: Transport,
  jobId: string,
  options: WatchOptions = {},
): AsyncGenerator<PublicJob, void, undefined> {
  const { signal, outageMs = 120_000 } = options;
  const path = `/v1/jobs/${encodeURIComponent(jobId)}`;
  let lastEventId = "";
  let told = "";
  let emptyStreams = options.poll === true ? mostEmptyStreams : 0;
  let failures = 0;
  let quietLooks = 0;
  let lastContact = Date.now();

  for (;;) {
    signal?.throwIfAborted();
    const streams = emptyStreams < mostEmptyStreams;
    let news = 0;
    try {
      for await (const { job, eventId } of streams
        ? streamStates(transport, `${path}/events`, lastEventId, signal)
        : pollState(transport, path, signal)) {
        failures = 0;
        lastContact = Date.now();
        if (eventId !== null) lastEventId = eventId;
        const state = stateOf(job);
        if (state === told) continue;
        told = state;
        news += 1;
        yield job;
        if (isTerminal(job.status)) return;
        // A consumer that takes its time is no outage.
        lastContact = Date.now();
      }
      // A stream that ends in order with nothing told may be a proxy's work; the end itself is always told.
      if (streams) emptyStreams = news > 0 ? 0 : emptyStreams + 1;
      quietLooks = news > 0 ? 0 : quietLooks + 1;
      await sleep(streams ? 250 : backoffMs(quietLooks, 500, 5_000), signal);
    } catch (error) {
      signal?.throwIfAborted();
      if (!isOutage(error)) throw error;
      if (error instanceof NoStream) emptyStreams += 1;
      if (news > 0) emptyStreams = 0;
      if (Date.now() - lastContact > outageMs) throw unreachable(path, error);
      await sleep(askedMs(error) ?? backoffMs(failures, 200, 5_000), signal);
      failures += 1;
    }
  }
}

/** The server answers, but no events come this way. */
class NoStream extends Error {}

const isOutage = (error: unknown): boolean => error instanceof NoStream || isTemporary(error);

const stateOf = ({ version, phase, progress }: PublicJob): string =>
  `${version} ${phase} ${Math.floor(progress.percent)}`;

interface Seen {
  readonly job: PublicJob;
  readonly eventId: string | null;
}

async function* streamStates(
  transport: Transport,
  path: string,
  lastEventId: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<Seen> {
  // Ours to end: a stream that is not read to its end must not hold its connection.
  const own = new AbortController();
  const headers: Record<string, string> = { accept: "text/event-stream" };
  if (lastEventId !== "") headers["last-event-id"] = lastEventId;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const alive = () => {
    clearTimeout(timer);
    timer = setTimeout(() => own.abort(new NoStream(`no event within ${silenceMs} ms`)), silenceMs);
  };
  try {
    alive();
    const response = await transport.send("GET", path, { headers, signal: anySignal(signal, own.signal) });
    if (response.body === null || !response.headers.get("content-type")?.startsWith("text/event-stream")) {
      throw new NoStream(`the answer is ${response.status}, not a stream of events`);
    }
    for await (const event of readEvents(response.body as ReadableStream<Uint8Array>)) {
      alive();
      if (event?.event === "job") yield { job: JSON.parse(event.data) as PublicJob, eventId: event.id };
    }
  } catch (error) {
    if (own.signal.aborted) throw own.signal.reason;
    // Each engine has its own error for a body that breaks off.
    throw error instanceof MixdownApiError || error instanceof NoStream ? error : unreachable(path, error);
  } finally {
    clearTimeout(timer);
    own.abort();
  }
}

async function* pollState(transport: Transport, path: string, signal: AbortSignal | undefined): AsyncGenerator<Seen> {
  const response = await transport.send("GET", path, { signal });
  const job = await response.json().catch((error: unknown) => {
    throw unreachable(path, error);
  });
  yield { job: job as PublicJob, eventId: null };
}
