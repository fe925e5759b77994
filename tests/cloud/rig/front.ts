import { once } from "node:events";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";

export interface Answer {
  readonly status: number;
  /** JSON text. */
  readonly body: string;
}

/** A door of a JSON service before the emulator's; a test says what becomes of a call. */
export abstract class Front {
  readonly #behind: string;
  readonly #server: Server;

  constructor(behind: string) {
    this.#behind = behind;
    this.#server = createServer(async (request, response) => {
      try {
        const { status, body } = await this.serve(request, await text(request));
        response.writeHead(status, { "content-type": request.headers["content-type"] ?? "" }).end(body);
      } catch (fault) {
        response.writeHead(500).end(String(fault));
      }
    });
  }

  /** @returns its URL */
  async listen(): Promise<string> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, "close");
  }

  protected abstract serve(request: IncomingMessage, input: string): Promise<Answer>;

  /** Whether the call is of that operation, by the header that AWS's JSON protocols name it in. */
  protected is(request: IncomingMessage, operations: RegExp): boolean {
    return operations.test(String(request.headers["x-amz-target"]).split(".").at(-1) ?? "");
  }

  protected async forward(request: IncomingMessage, body: string): Promise<Answer> {
    const kept = ["x-amz-target", "content-type", "authorization", "x-amz-date"];
    const headers = Object.fromEntries(kept.map((name) => [name, String(request.headers[name] ?? "")]));
    const answer = await fetch(this.#behind, { method: "POST", headers, body });
    return { status: answer.status, body: await answer.text() };
  }
}
