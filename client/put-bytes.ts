import { readProblem, unreachable } from "./api-error.ts";
import type { Transport } from "./transport.ts";

export interface PutOptions {
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: Blob;
  readonly signal?: AbortSignal | undefined;
  /** Bytes of this body that have left so far. */
  readonly onSent: (bytes: number) => void;
}

/** What we use of XMLHttpRequest, which alone tells how far an upload is. */
interface Xhr {
  readonly upload: { onprogress: ((event: { loaded: number }) => void) | null };
  readonly status: number;
  readonly statusText: string;
  readonly responseText: string;
  onload: (() => void) | null;
  onerror: (() => void) | null;
  onabort: (() => void) | null;
  open(method: string, url: string): void;
  setRequestHeader(name: string, value: string): void;
  getResponseHeader(name: string): string | null;
  getAllResponseHeaders(): string;
  send(body: Blob): void;
  abort(): void;
}

/** PUTs bytes to a presigned URL. @returns the ETag @throws MixdownApiError */
export async function putBytes(transport: Transport, options: PutOptions): Promise<string> {
  const { XMLHttpRequest } = globalThis as { XMLHttpRequest?: new () => Xhr };
  const response =
    XMLHttpRequest !== undefined && transport.ownFetch
      ? await putByXhr(new XMLHttpRequest(), options)
      : await putByFetch(transport, options);
  if (!response.ok) throw await readProblem(response);
  await response.body?.cancel().catch(() => {});
  options.onSent(options.body.size);
  return response.headers.get("etag") ?? "";
}

const putByFetch = (transport: Transport, { url, headers, body, signal }: PutOptions): Promise<Response> =>
  transport.fetch(url, { method: "PUT", headers: { ...headers }, body, signal: signal ?? null }).catch((cause) => {
    signal?.throwIfAborted();
    throw unreachable(new URL(url).origin, cause);
  });

function putByXhr(xhr: Xhr, { url, headers = {}, body, signal, onSent }: PutOptions): Promise<Response> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const stop = () => xhr.abort();
    const settle = (end: () => void) => () => {
      signal?.removeEventListener("abort", stop);
      end();
    };
    xhr.open("PUT", url);
    for (const [name, value] of Object.entries(headers)) xhr.setRequestHeader(name, value);
    xhr.upload.onprogress = ({ loaded }) => onSent(Math.min(loaded, body.size));
    xhr.onload = settle(() => {
      const answered = new Headers();
      for (const name of ["etag", "content-type", "retry-after"]) {
        // Asking for a header that CORS hides is only a warning; reading it gives null.
        const value = xhr.getAllResponseHeaders().toLowerCase().includes(`${name}:`)
          ? xhr.getResponseHeader(name)
          : null;
        if (value !== null) answered.set(name, value);
      }
      const { status, statusText } = xhr;
      resolve(new Response(status === 204 ? null : xhr.responseText, { status, statusText, headers: answered }));
    });
    xhr.onerror = settle(() => reject(unreachable(new URL(url).origin, new Error("the connection broke"))));
    xhr.onabort = settle(() => reject(signal?.reason));
    signal?.addEventListener("abort", stop, { once: true });
    xhr.send(body);
  });
}
