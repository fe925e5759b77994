import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { GetFunctionConfigurationCommand, InvokeCommand, LambdaClient } from "@aws-sdk/client-lambda";

export interface LambdaStandInOptions {
  /** The function whose image cannot run in the emulator. */
  readonly functionName: string;
  /** Settles failed calls: its destination on failure. */
  readonly onFailure: string;
  /** What the image's entry point is: the real runtime of the worker. */
  readonly command: readonly [string, ...string[]];
  readonly env: NodeJS.ProcessEnv;
  /** Folders of this machine in place of the function's own, by their path. */
  readonly volumes: Readonly<Record<string, string>>;
  readonly onFault: (fault: unknown) => void;
}

type Outcome = { readonly errorType: string; readonly errorMessage: string } | null;

export interface RunningCall {
  readonly requestId: string;
  readonly payload: Readonly<Record<string, string>>;
  readonly limitMs: number;
  /** The runtime; the worker is its child. */
  readonly child: ChildProcess;
  readonly stderr: () => string;
  readonly end: (outcome: Outcome) => void;
  /** `undefined` while it runs, `null` when it went well. */
  outcome: Outcome | undefined;
}

/**
 * Lambda as far as one function goes whose image the emulator cannot run: takes its asynchronous calls, runs the real
 * runtime of the worker for each with the function's own environment, ends it at its limit, and sends what failed to its
 * destination (https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html).
 */
export class LambdaStandIn {
  readonly started: RunningCall[] = [];
  /** Names of the errors that the next calls are refused with. */
  readonly refusals: string[] = [];
  /** So many of the next runtimes do nothing, not even ask for work. */
  hanging = 0;
  /** In place of the function's own limit. */
  limitMs: number | null = null;
  readonly #options: LambdaStandInOptions;
  readonly #lambda = new LambdaClient({});
  readonly #server: Server;
  readonly #ends: Promise<void>[] = [];
  #closing = false;

  constructor(options: LambdaStandInOptions) {
    this.#options = options;
    this.#server = createServer((request, response) => {
      this.#serve(request, response).catch((fault) => {
        options.onFault(fault);
        response.writeHead(500).end();
      });
    });
  }

  /** @returns where callers find Lambda, and runtimes theirs */
  async listen(): Promise<string> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    return `http://${this.#host()}`;
  }

  async close(): Promise<void> {
    this.#closing = true;
    for (const call of this.started) call.end(null);
    await Promise.all(this.#ends);
    this.#server.close();
    this.#server.closeAllConnections();
    this.#lambda.destroy();
  }

  /** Sends a signal to the worker inside a call. @returns whether there was one */
  strike(call: RunningCall, signal: NodeJS.Signals): boolean {
    const workers = childrenOf(call.child);
    for (const pid of workers) process.kill(pid, signal);
    return workers.length > 0;
  }

  readonly #host = (): string => `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await text(request);
    const path = request.url ?? "";
    const invoked = /^\/2015-03-31\/functions\/([^/]+)\/invocations/.exec(path)?.[1];
    if (invoked !== undefined) return this.#take(decodeURIComponent(invoked), request, body, response);
    const call = this.started.find(({ requestId }) => path.startsWith(`/${requestId}/`));
    if (call === undefined || call.outcome !== undefined) return void response.writeHead(410).end();
    if (path.endsWith("/invocation/next")) {
      response.setHeader("lambda-runtime-aws-request-id", call.requestId);
      response.setHeader("lambda-runtime-deadline-ms", String(Date.now() + call.limitMs));
      return void response.end(JSON.stringify(call.payload));
    }
    response.writeHead(202).end("{}");
    call.end(path.endsWith("/error") ? JSON.parse(body) : null);
  }

  async #take(name: string, request: IncomingMessage, body: string, response: ServerResponse): Promise<void> {
    const asynchronous = request.headers["x-amz-invocation-type"] === "Event";
    const known = name === this.#options.functionName || name.endsWith(`:${this.#options.functionName}`);
    const refusal = this.refusals.shift() ?? (known && asynchronous ? undefined : "ResourceNotFoundException");
    if (refusal !== undefined) {
      // Throttling has a status of its own.
      const status = refusal === "TooManyRequestsException" ? 429 : 400;
      return void response.writeHead(status, { "x-amzn-errortype": refusal }).end(JSON.stringify({ Message: refusal }));
    }
    const requestId = randomUUID();
    await this.#start(requestId, JSON.parse(body));
    response.writeHead(202, { "x-amzn-requestid": requestId }).end();
  }

  async #start(requestId: string, payload: RunningCall["payload"]): Promise<void> {
    const { functionName: FunctionName, command, env, volumes } = this.#options;
    const { Environment, Timeout = 3 } = await this.#lambda.send(new GetFunctionConfigurationCommand({ FunctionName }));
    const own = Object.entries(Environment?.Variables ?? {}).map(([name, value]) => [name, volumes[value] ?? value]);
    const [file, ...args] = command;
    const child = spawn(file, args, {
      env: { ...env, ...Object.fromEntries(own), AWS_LAMBDA_RUNTIME_API: `${this.#host()}/${requestId}` },
      stdio: ["ignore", "ignore", "pipe"],
    });
    if (this.hanging > 0) {
      this.hanging--;
      child.kill("SIGSTOP");
    }
    let stderr = "";
    child.stderr.on("data", (chunk: Buffer) => {
      stderr = (stderr + chunk.toString()).slice(-16_384);
    });
    const { promise, resolve: end } = Promise.withResolvers<Outcome>();
    const limitMs = this.limitMs ?? Timeout * 1_000;
    const call = { requestId, payload, limitMs, child, stderr: () => stderr, end, outcome: undefined };
    this.started.push(call);
    this.#ends.push(this.#settle(call, promise).catch((fault) => this.#options.onFault(fault)));
  }

  async #settle(call: RunningCall, ended: Promise<Outcome>): Promise<void> {
    const { child, limitMs, requestId, payload, end } = call;
    const errorMessage = `${new Date().toISOString()} ${requestId} Task timed out after ${limitMs / 1_000} seconds`;
    const limit = setTimeout(() => end({ errorType: "Sandbox.Timedout", errorMessage }), limitMs);
    child.once("exit", () => end({ errorType: "Runtime.ExitError", errorMessage: "Runtime exited" }));
    const outcome = await ended;
    clearTimeout(limit);
    call.outcome = outcome;
    for (const pid of childrenOf(child)) process.kill(pid, "SIGKILL");
    child.kill("SIGKILL");
    if (outcome === null || this.#closing) return;
    const record = {
      version: "1.0",
      timestamp: new Date().toISOString(),
      requestContext: { requestId, condition: "RetriesExhausted", approximateInvokeCount: 1 },
      requestPayload: payload,
      responseContext: { statusCode: 200, executedVersion: "$LATEST", functionError: "Unhandled" },
      responsePayload: outcome,
    };
    await this.#lambda.send(
      new InvokeCommand({
        FunctionName: this.#options.onFailure,
        InvocationType: "Event",
        Payload: Buffer.from(JSON.stringify(record)),
      }),
    );
  }
}

function childrenOf({ pid }: ChildProcess): readonly number[] {
  try {
    return execFileSync("ps", ["-o", "pid=", "--ppid", String(pid)])
      .toString()
      .trim()
      .split(/\s+/)
      .map(Number);
  } catch {
    // None: that is how ps says it.
    return [];
  }
}
