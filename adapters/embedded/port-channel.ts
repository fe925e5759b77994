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
  if (typeof call !== "number" || typeof port !== "string" || !Array.isArray(args)) return null;
  if (!Object.hasOwn(offered, port)) return null;
  return (offered[port] as readonly string[]).includes(method as string) ? (message as Call) : null;
}

async function run(ports: OfferedPorts, { call, port, method, args }: Call): Promise<Answer> {
  try {
    const target = ports[port] as unknown as Record<string, (...args: readonly unknown[]) => Promise<unknown>>;
    return { answer: call, value: await target[method]?.(...args) };
  } catch (thrown) {
    return { answer: call, error: MixdownError.from(thrown).toDocument() };
  }
}

/** The platform's ports as the worker sees them. Every call rejects once the platform is gone. */
export function connectPorts(channel: NodeJS.Process): OfferedPorts {
  const pending = new Map<number, (answer: Answer) => void>();
  let calls = 0;
  const lost = (call: number): Answer => ({
    answer: call,
    error: new MixdownError("platform_worker_lost", {
      message: "The platform that started this worker is gone.",
    }).toDocument(),
  });
  channel.on("message", (message: unknown) => {
    const answer = message as Answer;
    pending.get(answer?.answer)?.(answer);
  });
  channel.on("disconnect", () => {
    for (const [call, settle] of pending) settle(lost(call));
  });
  const ask = async (port: PortName, method: string, args: readonly unknown[]): Promise<unknown> => {
    const call = ++calls;
    const answer = await new Promise<Answer>((resolve) => {
      pending.set(call, resolve);
      if (channel.connected !== true || channel.send === undefined) return resolve(lost(call));
      const sent = (error: Error | null) => {
        if (error !== null) resolve(lost(call));
      };
      channel.send({ call, port, method, args } satisfies Call, undefined, undefined, sent);
    });
    pending.delete(call);
    if (answer.error !== undefined) throw MixdownError.fromDocument(answer.error);
    return answer.value;
  };
  const connect = (port: PortName) =>
    Object.fromEntries(offered[port].map((method) => [method, (...args: unknown[]) => ask(port, method, args)]));
  return { jobs: connect("jobs"), cache: connect("cache"), queue: connect("queue") } as unknown as OfferedPorts;
}
