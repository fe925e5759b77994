import type { ChildProcess } from "node:child_process";
import { type ErrorDocument, MixdownError } from "../../core/errors.ts";
import type { JobQueue, JobStore, ResultCache } from "../../core/ports.ts";

/** What a worker may ask of the platform: nothing that lists or that belongs to the invoker. */
const offered = {
  jobs: ["get", "update", "recordPulse", "listWaitingFor"],
  cache: ["get", "swap", "remove"],
  queue: ["send"],
} as const;

export interface OfferedPorts {
  readonly jobs: JobStore;
  readonly cache: ResultCache;
  readonly queue: JobQueue;
}

type PortName = keyof typeof offered;

interface Call {
  readonly call: number;
  readonly port: PortName;
  readonly method: string;
  readonly args: readonly unknown[];
}
interface Answer {
  readonly answer: number;
  readonly value?: unknown;
  readonly error?: ErrorDocument;
}

/** Answers a child's calls, so that one process writes the store. Messages of any other shape are left alone. */
export function servePorts(child: ChildProcess, ports: OfferedPorts): void {
  child.on("message", async (message: unknown) => {
    const call = parseCall(message);
    if (call === null) return;
    const answer = await run(ports, call);
    // The child may be gone by now; then nobody wants to know.
    if (child.connected) child.send(answer, () => {});
  });
}

function parseCall(message: unknown): Call | null {
  const { call, port, method, args } = (message ?? {}) as Partial<Call>;
  const wellFormed =
    typeof call === "number" && typeof port === "string" && typeof method === "string" && Array.isArray(args);
  return wellFormed ? (message as Call) : null;
}

async function run(ports: OfferedPorts, { call, port, method, args }: Call): Promise<Answer> {
  try {
    const allowed: readonly string[] = Object.hasOwn(offered, port) ? offered[port] : [];
    if (!allowed.includes(method)) throw notOffered(port, method);
    const target = ports[port] as unknown as Record<string, (...args: readonly unknown[]) => Promise<unknown>>;
    return { answer: call, value: await target[method]?.(...args) };
  } catch (thrown) {
    return { answer: call, error: MixdownError.from(thrown).toDocument() };
  }
}

const notOffered = (port: string, method: string): MixdownError =>
  new MixdownError("platform_internal", { message: `A worker may not call ${port}.${method}.`, retryable: false });

/** The platform's ports as the worker sees them. Every call rejects with `platform_worker_lost` once the platform is gone. */
export function connectPorts(channel: NodeJS.Process): OfferedPorts {
  const pending = new Map<number, PromiseWithResolvers<unknown>>();
  let calls = 0;
  const lose = (call: number): void => {
    pending
      .get(call)
      ?.reject(new MixdownError("platform_worker_lost", { message: "The platform that started this worker is gone." }));
    pending.delete(call);
  };
  channel.on("message", (message: unknown) => {
    const { answer, value, error } = (message ?? {}) as Partial<Answer>;
    const waiting = answer === undefined ? undefined : pending.get(answer);
    if (answer === undefined || waiting === undefined) return;
    pending.delete(answer);
    if (error === undefined) waiting.resolve(value);
    else waiting.reject(MixdownError.fromDocument(error));
  });
  channel.on("disconnect", () => {
    for (const call of [...pending.keys()]) lose(call);
  });
  const ask = (port: PortName, method: string, args: readonly unknown[]): Promise<unknown> => {
    const call = ++calls;
    const waiting = Promise.withResolvers<unknown>();
    pending.set(call, waiting);
    if (channel.send === undefined || !channel.connected) lose(call);
    else {
      channel.send({ call, port, method, args } satisfies Call, undefined, undefined, (error) => {
        if (error !== null) lose(call);
      });
    }
    return waiting.promise;
  };
  const connect = <P>(port: PortName): P =>
    new Proxy({} as object, {
      get: (_, method) =>
        // Not to be taken for a promise, which has a `then`.
        typeof method === "string" && method !== "then" ? (...args: unknown[]) => ask(port, method, args) : undefined,
    }) as P;
  return { jobs: connect("jobs"), cache: connect("cache"), queue: connect("queue") };
}
