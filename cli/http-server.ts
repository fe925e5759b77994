import { once } from "node:events";
import { maxHeaderSize } from "node:http";
import type { AddressInfo, Server, Socket } from "node:net";
import { createAdaptorServer } from "@hono/node-server";
import { buildProblem, problemContentType, problemResponse } from "../api/problem.ts";
import { MixdownError } from "../core/errors.ts";

export interface HttpServerOptions {
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
  readonly api: (request: Request) => Response | Promise<Response>;
  /** What stands behind presigned URLs; paths below /files/. */
  readonly transfers: (request: Request) => Promise<Response>;
}

export interface HttpServer {
  readonly port: number;
  close(): Promise<void>;
}

/**
 * Serves the API and the presigned files of the embedded platform.
 * @throws MixdownError `usage_port_taken`
 */
export async function startHttpServer({ host, port, api, transfers }: HttpServerOptions): Promise<HttpServer> {
  const answerTransfer = async (request: Request) => {
    try {
      return await transfers(request);
    } catch (thrown) {
      const response = problemResponse(MixdownError.from(thrown));
      response.headers.set("access-control-allow-origin", "*");
      return response;
    }
  };
  const fetch = (request: Request) =>
    new URL(request.url).pathname.startsWith("/files/") ? answerTransfer(request) : api(request);
  const server = createAdaptorServer({ fetch, hostname: host }) as Server & { closeAllConnections(): void };
  server.on("clientError", answerUnread);
  server.listen(port, host);
  try {
    await once(server, "listening");
  } catch (cause) {
    throw explainListen(cause, host, port);
  }
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      const closed = once(server, "close");
      server.close();
      // Streams of events have no end of their own; their readers come back by Last-Event-ID.
      server.closeAllConnections();
      await closed;
    },
  };
}

/** Answers what is no request, or too long to be one: the app never sees it. */
function answerUnread(error: NodeJS.ErrnoException, socket: Socket): void {
  const code = error.code ?? "";
  if (!socket.writable || !(code.startsWith("HPE_") || code === "ERR_HTTP_REQUEST_TIMEOUT")) {
    socket.destroy();
    return;
  }
  const message =
    code === "HPE_HEADER_OVERFLOW"
      ? `The request's line and headers have more than ${maxHeaderSize} bytes; shorten them.`
      : `The request cannot be read (${code}); send HTTP/1.1.`;
  const body = JSON.stringify(buildProblem(new MixdownError("usage_invalid", { message })));
  const headers = [`content-type: ${problemContentType}`, `content-length: ${Buffer.byteLength(body)}`];
  socket.end(["HTTP/1.1 400 Bad Request", ...headers, "connection: close", "", body].join("\r\n"));
}

function explainListen(cause: unknown, host: string, port: number): unknown {
  const code = (cause as NodeJS.ErrnoException).code;
  if (code === "EADDRINUSE") {
    return new MixdownError("usage_port_taken", {
      message: `Port ${port} on ${host} is taken by another program; stop it, or give another with --port.`,
      cause,
    });
  }
  if (code === "EACCES" || code === "EADDRNOTAVAIL") {
    return new MixdownError("usage_invalid", {
      message: `Cannot listen on ${host} port ${port} (${code}); give another --port or MIXDOWN_HOST.`,
      cause,
    });
  }
  return cause;
}
