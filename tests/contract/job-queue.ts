import { randomUUID } from "node:crypto";
import fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import type { JobQueue, QueueMessage } from "../../core/ports.ts";
import { type OpenedJobQueue, useJobQueue } from "./job-queue-fixture.ts";
import { jobRedeliveryContract } from "./job-queue-redelivery.ts";

const dedupWindowMs = 5 * 60_000;

/** What every JobQueue must do. `open` gives an empty queue. */
export function jobQueueContract(name: string, open: () => Promise<OpenedJobQueue>): void {
  describe(`${name} as a JobQueue`, () => {
    const used = useJobQueue(open);
    const { send, lapse, receive, receiveOne, receiveDead, drain, bodies } = used;
    let opened: OpenedJobQueue;
    let queue: JobQueue;
    beforeEach(() => {
      opened = used.opened;
      queue = opened.queue;
    });

    test("fails when an empty queue gives anything", async () => {
      expect(await queue.receive(10)).toEqual([]);
      expect(await queue.receiveDeadLetters(10)).toEqual([]);
    });

    test("fails when a message is changed on its way", async () => {
      const body = JSON.stringify({ text: "Zoë \"said\" 'née' 🎧\n", filler: "x".repeat(100_000) });
      await send("group", body);
      expect(await receiveOne()).toMatchObject({ body, groupId: "group", receiveCount: 1 });
    });

    test("fails when messages of a group are handed out of order, lost or doubled", async () => {
      for (let number = 0; number < 12; number++) await send(`group-${number % 3}`, String(number));
      const all = await drain();
      for (const group of [0, 1, 2]) {
        const own = all.filter((message) => message.groupId === `group-${group}`);
        expect(bodies(own)).toEqual([0, 1, 2, 3].map((turn) => String(turn * 3 + group)));
      }
      expect(await queue.receive(10)).toEqual([]);
    });

    test("fails when more are handed out than were asked for", async () => {
      for (let number = 0; number < 5; number++) await send(`group-${number}`, String(number));
      expect((await receive(3)).length).toBeLessThanOrEqual(3);
    });

    test("fails when a group goes on while one of its messages is out, or holds up other groups", async () => {
      await send("a", "a1");
      await send("a", "a2");
      const first = await receiveOne();
      expect(first.body).toBe("a1");
      await send("b", "b1");
      await send("a", "a3");
      expect(bodies(await receive(10))).toEqual(["b1"]);
      expect(await opened.other.receive(10)).toEqual([]);
      await queue.acknowledge(first.receipt);
      expect(bodies(await drain())).toEqual(["a2", "a3"]);
    });

    describe("repeats", () => {
      test("fails when a repeat within five minutes is delivered, in whatever state the first is", async () => {
        await send("a", "first", "same");
        await send("a", "repeat", "same");
        await send("b", "repeat in another group", "same");
        const message = await receiveOne();
        await send("a", "repeat while it is out", "same");
        await queue.acknowledge(message.receipt);
        await send("a", "repeat after the end", "same");
        await send("a", "another", "another");
        expect(message.body).toBe("first");
        expect(bodies(await drain())).toEqual(["another"]);
      });

      test("fails when a repeat is dropped for longer than five minutes, or the window grows with each", async ({
        skip,
      }) => {
        skip(!opened.hasClock, "five minutes would have to pass");
        await send("a", "first", "same");
        await opened.pass(dedupWindowMs - 1_000);
        await send("a", "repeat", "same");
        await opened.pass(2_000);
        await send("a", "later", "same");
        expect(bodies(await drain())).toEqual(["first", "later"]);
      });

      test("fails when one of many racing repeats makes a second message", async () => {
        const sends = Array.from({ length: 10 }, (_, index) =>
          (index % 2 === 0 ? queue : opened.other).send({ groupId: "a", body: String(index), deduplicationId: "same" }),
        );
        await Promise.all(sends);
        expect(await drain()).toHaveLength(1);
      });
    });

    jobRedeliveryContract(used);

    test("fails when consumers that race do a message twice, lose one, or overtake each other within a group", async () => {
      const sent = Array.from({ length: 30 }, (_, number) => ({ group: `group-${number % 6}`, body: String(number) }));
      for (const { group, body } of sent) await send(group, body);
      const done: QueueMessage[] = [];
      const consume = async (own: JobQueue): Promise<void> => {
        for (let idle = Date.now(); done.length < sent.length && Date.now() - idle < 5_000; ) {
          for (const message of await own.receive(2)) {
            await new Promise((resolve) => setTimeout(resolve, Math.random() * 4));
            done.push(message);
            await own.acknowledge(message.receipt);
            idle = Date.now();
          }
          await new Promise((resolve) => setTimeout(resolve, 1));
        }
      };
      await Promise.all([consume(queue), consume(opened.other), consume(queue), consume(opened.other)]);
      expect(done).toHaveLength(sent.length);
      for (const group of new Set(sent.map((message) => message.group))) {
        const inOrder = bodies(sent.filter((message) => message.group === group));
        expect(bodies(done.filter((message) => message.groupId === group))).toEqual(inOrder);
      }
    });

    test("fails when any mixture of sends, failures and ends loses, doubles or reorders a message", async ({
      skip,
    }) => {
      skip(!opened.hasClock, "each step would have to wait");
      const step = fc.oneof(
        {
          weight: 4,
          arbitrary: fc.record({ type: fc.constant("send" as const), group: fc.constantFrom("a", "b", "c") }),
        },
        {
          weight: 4,
          arbitrary: fc.record({ type: fc.constant("receive" as const), max: fc.integer({ min: 1, max: 10 }) }),
        },
        ...(["acknowledge", "release", "reject", "lapse"] as const).map((type) => ({
          weight: 1,
          arbitrary: fc.record({ type: fc.constant(type), pick: fc.nat() }),
        })),
      );
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
          const sent: { group: string; body: string }[] = [];
          const handed: QueueMessage[] = [];
          const ended: string[] = [];
          for (const one of steps) {
            const message = "pick" in one ? handed[one.pick % Math.max(1, handed.length)] : undefined;
            if (one.type === "send") {
              const body = randomUUID();
              sent.push({ group: one.group, body });
              await send(one.group, body);
            } else if (one.type === "receive") {
              for (const found of await queue.receive(one.max)) {
                const earlier = sent.filter(({ group }) => group === found.groupId);
                const before = bodies(earlier.slice(0, bodies(earlier).indexOf(found.body)));
                expect(before.filter((body) => !ended.includes(body) && !bodies(handed).includes(body))).toEqual([]);
                expect(ended).not.toContain(found.body);
                handed.push(found);
              }
            } else if (one.type === "lapse") {
              await lapse();
              handed.length = 0;
            } else if (message !== undefined) {
              handed.splice(handed.indexOf(message), 1);
              if (one.type === "acknowledge") await queue.acknowledge(message.receipt);
              if (one.type === "release") await queue.release(message.receipt);
              if (one.type === "reject") await queue.reject(message, "no");
              if (one.type !== "release") ended.push(message.body);
              else if (message.receiveCount >= opened.maxReceiveCount) ended.push(message.body);
            }
          }
          await lapse();
          const rest = await drain();
          await lapse();
          const dead: string[] = [];
          for (let batch = await receiveDead(); batch.length > 0; batch = await receiveDead()) {
            for (const letter of batch) await queue.acknowledge(letter.receipt);
            dead.push(...bodies(batch));
          }
          const all = new Set([...ended, ...bodies(rest), ...dead]);
          expect(all).toEqual(new Set(bodies(sent)));
          expect(bodies(rest).filter((body) => ended.includes(body) || dead.includes(body))).toEqual([]);
          expect(new Set(dead).size).toBe(dead.length);
        }),
        { numRuns: 60 },
      );
    });
  });
}
