import { once } from "node:events";
import {
  createServer,
  type IncomingMessage,
  request as openRequest,
  type Server,
  type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import type { Grantee } from "../../../config/function-names.ts";
import { type Call, type Names, readActions } from "./read-actions.ts";

const services = ["S3", "DYNAMODB", "SQS", "ECS", "LAMBDA", "EVENTBRIDGE", "SSM", "SCHEDULER"] as const;

/** A door of its own for each function, and the worker, before the emulator's: it lets everything through and takes it down. */
export class CallRecorder {
  readonly #seen = new Map<Grantee, Set<string>>();
  readonly #servers: Server[] = [];
  readonly #faults: string[] = [];
  /** What things are called in this rig; known once it is open. */
  names: Names = {};

  /** `action resource`, as the permissions' table has them. */
  seenOf = (name: Grantee): ReadonlySet<string> => this.#seen.get(name) ?? new Set();
  /** Calls that could not be told. */
  get faults(): readonly string[] {
    return this.#faults;
  }

  /** The environment of a function, with this door in it in place of the emulator's. */
  watch = async (
    name: Grantee,
    environment: Readonly<Record<string, string>>,
  ): Promise<Readonly<Record<string, string>>> => {
    const upstream = process.env.AWS_ENDPOINT_URL ?? "";
    const ecs = environment.AWS_ENDPOINT_URL_ECS ?? upstream;
    const server = createServer((request, response) => {
      this.#serve(name, request, response, upstream, ecs).catch((fault) => {
        this.#faults.push(`${name}: ${fault}`);
        response.destroy();
      });
    });
    this.#servers.push(server.listen(0, "127.0.0.1"));
    await once(server, "listening");
    const door = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const moved = Object.entries(environment)
      .filter(([, value]) => value.startsWith(upstream))
      .map(([key, value]) => [key, door + value.slice(upstream.length)] as const);
    const doors = services.map((service) => [`AWS_ENDPOINT_URL_${service}`, door] as const);
    return { ...environment, ...Object.fromEntries([...moved, ...doors]) };
  };

  async close(): Promise<void> {
    for (const server of this.#servers) {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    }
  }

  async #serve(
    name: Grantee,
    request: IncomingMessage,
    response: ServerResponse,
    upstream: string,
    ecs: string,
  ): Promise<void> {
    const body = await buffer(request);
    const { method = "GET", url = "/", headers } = request;
    const call: Call = { method, url: new URL(url, upstream), headers, body };
    this.#note(name, call);
    const behind = String(headers["x-amz-target"]).startsWith("AmazonEC2ContainerService") ? ecs : upstream;
    // The host is part of what a presigned URL is signed with.
    const host = call.url.searchParams.has("X-Amz-Signature") ? headers.host : new URL(behind).host;
    const onward = openRequest(new URL(url, behind), { method, headers: { ...headers, host } });
    onward.end(body);
    const [answer] = (await once(onward, "response")) as [IncomingMessage];
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(response);
    await once(answer, "end");
  }

  #note(name: Grantee, call: Call): void {
    try {
      const seen = this.#seen.get(name) ?? new Set();
      for (const action of readActions(call, this.names)) seen.add(action);
      this.#seen.set(name, seen);
    } catch (fault) {
      this.#faults.push(`${name}: ${fault}`);
    }
  }
}
