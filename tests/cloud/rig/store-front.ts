import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";

/** What is said to one write instead of making it. */
export interface StoreRefusal {
  /** Only a write whose text has all of these in it. */
  readonly about: readonly string[];
  /** Of DynamoDB, such as `ProvisionedThroughputExceededException`. */
  readonly error: string;
  /** How often; the SDK itself repeats what may pass. */
  times: number;
}

const writes = /\.(PutItem|UpdateItem|DeleteItem|TransactWriteItems|BatchWriteItem)$/;

/** The table's door before the emulator's: refuses writes when a test wants it. */
export class StoreFront {
  readonly refusals: StoreRefusal[] = [];
  readonly #behind: string;
  readonly #server: Server;

  constructor(behind: string) {
    this.#behind = behind;
    this.#server = createServer((request, response) => {
      this.#serve(request, response).catch((fault) => response.writeHead(500).end(String(fault)));
    });
  }

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

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await text(request);
    const type = { "content-type": "application/x-amz-json-1.0" };
    const isWrite = writes.test(String(request.headers["x-amz-target"]));
    const refusal = this.refusals.find(
      ({ about, times }) => isWrite && times > 0 && about.every((word) => body.includes(word)),
    );
    if (refusal !== undefined) {
      refusal.times--;
      const __type = `com.amazonaws.dynamodb.v20120810#${refusal.error}`;
      return void response.writeHead(400, type).end(JSON.stringify({ __type, message: "refused" }));
    }
    const kept = ["x-amz-target", "content-type", "authorization", "x-amz-date"];
    const headers = Object.fromEntries(kept.map((name) => [name, String(request.headers[name] ?? "")]));
    const answer = await fetch(this.#behind, { method: "POST", headers, body });
    response.writeHead(answer.status, type).end(await answer.text());
  }
}
