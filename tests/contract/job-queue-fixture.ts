import { randomUUID } from "node:crypto";
import { afterEach, beforeEach } from "vitest";
import type { JobQueue, QueueMessage } from "../../core/ports.ts";

export interface OpenedJobQueue {
  readonly queue: JobQueue;
  /** The same queue as another process sees it. */
  readonly other: JobQueue;
  /** As the queue is set; short where time really passes. */
  readonly visibilityTimeoutMs: number;
  readonly maxReceiveCount: number;
  /** Lets time pass for the queue: by its clock where it has one, else by waiting. */
  pass(ms: number): Promise<void>;
  /** Whether `pass` can pass minutes. */
  readonly hasClock: boolean;
  /** How long a message may stay unseen though it is there: 0 where a look sees everything. */
  readonly patienceMs: number;
  close(): Promise<void>;
}

export type UsedJobQueue = ReturnType<typeof useJobQueue>;

/** A queue of its own for each test, and ways to send to it and to take from it. */
export function useJobQueue(open: () => Promise<OpenedJobQueue>) {
  let opened: OpenedJobQueue;
  beforeEach(async () => {
    opened = await open();
  });
  afterEach(() => opened.close());

  const send = (groupId: string, body: string, deduplicationId: string = randomUUID()) =>
    opened.queue.send({ groupId, body, deduplicationId });
  const lapse = () => opened.pass(opened.visibilityTimeoutMs + 50);

  /** Looks until there is something, as consumers do. */
  async function look<T>(take: () => Promise<readonly T[]>): Promise<readonly T[]> {
    for (const deadline = Date.now() + opened.patienceMs; ; ) {
      const found = await take();
      if (found.length > 0 || Date.now() >= deadline) return found;
    }
  }
  const receive = (max = 1) => look(() => opened.queue.receive(max));
  const receiveOne = async (): Promise<QueueMessage> => {
    const [message] = await receive();
    if (message === undefined) throw new Error("there was no message");
    return message;
  };
  const receiveDead = () => look(() => opened.queue.receiveDeadLetters(10));
  /** Takes and acknowledges everything, one look after the other. */
  async function drain(): Promise<QueueMessage[]> {
    const all: QueueMessage[] = [];
    for (let batch = await receive(10); batch.length > 0; batch = await receive(10)) {
      for (const message of batch) await opened.queue.acknowledge(message.receipt);
      all.push(...batch);
    }
    return all;
  }
  const bodies = (messages: readonly { readonly body: string }[]) => messages.map((message) => message.body);
  return {
    get opened() {
      return opened;
    },
    send,
    lapse,
    receive,
    receiveOne,
    receiveDead,
    drain,
    bodies,
  };
}
