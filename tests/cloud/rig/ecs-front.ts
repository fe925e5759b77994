import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

/** What ECS says to one RunTask instead of starting something. */
export type Refusal = "capacity" | "throttled" | "missing" | "access-denied" | "conflict-with-a-stranger";

const refusals: Readonly<Record<Refusal, Answer>> = {
  capacity: { status: 200, body: { tasks: [], failures: [{ arn: "arn:aws:ecs:::x", reason: "RESOURCE:CPU" }] } },
  throttled: { status: 400, body: { __type: "ThrottlingException", message: "Rate exceeded" } },
  missing: { status: 200, body: { tasks: [], failures: [{ arn: "arn:aws:ecs:::x", reason: "MISSING" }] } },
  "access-denied": { status: 400, body: { __type: "AccessDeniedException", message: "not allowed to pass the role" } },
  "conflict-with-a-stranger": {
    status: 400,
    body: { __type: "ConflictException", message: "the token was used", resourceIds: ["arn:aws:ecs:::task/other"] },
  },
};

/**
 * ECS's door before the emulator's: a client token starts one task however often it is asked, as the emulator's does
 * not, and refusals come when a test wants them.
 */
export class EcsFront {
  /** Taken one by one, each for one call of RunTask; the SDK itself repeats what is throttled. */
  readonly refusals: Refusal[] = [];
  /** Names of the jobs whose RunTask was let through, in order. */
  readonly launched: string[] = [];
  readonly #answers = new Map<string, { readonly input: string; readonly answer: Promise<Answer> }>();
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
    const input = await text(request);
    const runs = String(request.headers["x-amz-target"]).endsWith(".RunTask");
    const { status, body } = runs ? await this.#runTask(request, input) : await this.#forward(request, input);
    response.writeHead(status, { "content-type": "application/x-amz-json-1.1" }).end(JSON.stringify(body));
  }

  async #runTask(request: IncomingMessage, input: string): Promise<Answer> {
    const refusal = this.refusals.shift();
    if (refusal !== undefined) return refusals[refusal];
    const { clientToken, overrides } = JSON.parse(input) as {
      clientToken: string;
      overrides: { containerOverrides: { environment: { value: string }[] }[] };
    };
    const standing = this.#answers.get(clientToken);
    if (standing !== undefined && standing.input === input) return standing.answer;
    if (standing !== undefined) {
      const { tasks } = (await standing.answer).body as { tasks: { taskArn: string }[] };
      const resourceIds = tasks.map((task) => task.taskArn);
      return { status: 400, body: { __type: "ConflictException", message: "the token was used", resourceIds } };
    }
    this.launched.push(overrides.containerOverrides[0]?.environment[0]?.value ?? "");
    const answer = this.#forward(request, input);
    this.#answers.set(clientToken, { input, answer });
    return answer;
  }

  async #forward(request: IncomingMessage, body: string): Promise<Answer> {
    const kept = ["x-amz-target", "content-type", "authorization", "x-amz-date"];
    const headers = Object.fromEntries(kept.map((name) => [name, String(request.headers[name] ?? "")]));
    const answer = await fetch(this.#behind, { method: "POST", headers, body });
    return { status: answer.status, body: await answer.json() };
  }
}
