import { MixdownApiError, readProblem, unreachable } from "./api-error.ts";
import { retrying } from "./backoff.ts";

export interface TransportOptions {
  /** Where the API lives: `http://localhost:4747`, or a path on the page's own site such as `/api/mixdown`. */
  readonly baseUrl: string;
  /** `mxd_<id>_<secret>`, or a token of the identity provider. Never in a browser that is not its owner's. */
  readonly key?: string | undefined;
  /** @default the global `fetch` */
  readonly fetch?: typeof fetch | undefined;
  /** How often a call that may succeed later is tried again. @default 5 */
  readonly retries?: number | undefined;
}

export interface Call {
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  readonly json?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal | undefined;
  /** Whether doing it twice does what doing it once does. @default true for all but POST */
  readonly repeatable?: boolean;
}

export interface Transport {
  readonly retries: number;
  /** Bytes to and from presigned URLs: neither our key nor our base. */
  readonly fetch: typeof fetch;
  /** `true`: `fetch` is the platform's own, so that a browser's XMLHttpRequest may stand in for it. */
  readonly ownFetch: boolean;
  /** One attempt. @throws MixdownApiError */
  send(method: string, path: string, call?: Call): Promise<Response>;
  /** With retries, as JSON. @throws MixdownApiError */
  json<T>(method: string, path: string, call?: Call): Promise<T>;
}

export function createTransport(options: TransportOptions): Transport {
  const base = options.baseUrl.replace(/\/+$/, "");
  const retries = options.retries ?? 5;
  // Browsers refuse a `fetch` that is called as a method of another object.
  const send = options.fetch ?? ((input, init) => globalThis.fetch(input, init));

  const once: Transport["send"] = async (method, path, call = {}) => {
    const url = `${base}${path}${buildQuery(call.query)}`;
    const headers: Record<string, string> = { accept: "application/json", ...call.headers };
    if (call.json !== undefined) headers["content-type"] = "application/json";
    if (options.key !== undefined) headers.authorization = `Bearer ${options.key}`;
    const body = call.json === undefined ? null : JSON.stringify(call.json);
    const init = { method, headers, body, signal: call.signal ?? null };
    const response = await send(url, init).catch((cause: unknown) => {
      call.signal?.throwIfAborted();
      throw unreachable(url, cause);
    });
    if (!response.ok) throw await readProblem(response);
    return response;
  };

  return {
    retries,
    fetch: send,
    ownFetch: options.fetch === undefined,
    send: once,
    json<T>(method: string, path: string, call: Call = {}): Promise<T> {
      const repeatable = call.repeatable ?? method !== "POST";
      const attempt = async () => {
        const response = await once(method, path, call);
        return (await response.json().catch((cause: unknown) => {
          call.signal?.throwIfAborted();
          throw unreachable(response.url || path, cause);
        })) as T;
      };
      return retrying(attempt, { retries: repeatable ? retries : 0, signal: call.signal }).catch((error: unknown) => {
        // Refused before anything was done: coming back is safe for every call.
        if (repeatable || !(error instanceof MixdownApiError) || error.status !== 429) throw error;
        return retrying(attempt, { retries, signal: call.signal });
      });
    },
  };
}

function buildQuery(query: Call["query"] = {}): string {
  const given = Object.entries(query).filter(([, value]) => value !== undefined);
  if (given.length === 0) return "";
  return `?${new URLSearchParams(given.map(([name, value]): [string, string] => [name, String(value)]))}`;
}
