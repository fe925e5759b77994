import { beforeEach, describe, expect, test } from "vitest";
import type { JobQueue } from "../../core/ports.ts";
import type { OpenedJobQueue, UsedJobQueue } from "./job-queue-fixture.ts";

/** When every JobQueue must hand a message out again, and when it must not any more. */
export function jobRedeliveryContract(used: UsedJobQueue): void {
  const { send, lapse, receiveOne, receiveDead, drain, bodies } = used;
  let opened: OpenedJobQueue;
  let queue: JobQueue;
  beforeEach(() => {
    opened = used.opened;
    queue = opened.queue;
  });

  describe("visibility", () => {
    test("fails when a message that is out is handed out again before its time, or never again", async () => {
      await send("a", "a1");
      await send("a", "a2");
      const first = await receiveOne();
      expect(await queue.receive(10)).toEqual([]);
      await lapse();
      const again = await receiveOne();
      expect(again).toMatchObject({ id: first.id, body: "a1", receiveCount: 2 });
      expect(again.receipt).not.toBe(first.receipt);
    });

    test("fails when a receipt of an earlier delivery still has an effect", async () => {
      await send("a", "a1");
      const first = await receiveOne();
      await lapse();
      const second = await receiveOne();
      // A store may say so or be silent; the message must not care.
      await queue.acknowledge(first.receipt).catch(() => {});
      await queue.release(first.receipt).catch(() => {});
      expect(await queue.receive(10)).toEqual([]);
      await lapse();
      const third = await receiveOne();
      expect(third.id).toBe(second.id);
      await queue.acknowledge(third.receipt);
      await lapse();
      expect(await queue.receive(10)).toEqual([]);
      expect(await queue.receiveDeadLetters(10)).toEqual([]);
    });

    test("fails when an acknowledged message comes back", async () => {
      await send("a", "a1");
      await queue.acknowledge((await receiveOne()).receipt);
      await lapse();
      expect(await queue.receive(10)).toEqual([]);
    });

    test("fails when a released message waits, or lets a later one of its group pass", async () => {
      await send("a", "a1");
      await send("a", "a2");
      await queue.release((await receiveOne()).receipt);
      const again = await receiveOne();
      expect(again).toMatchObject({ body: "a1", receiveCount: 2 });
      await queue.acknowledge(again.receipt);
      expect(bodies(await drain())).toEqual(["a2"]);
    });
  });

  describe("dead letters", () => {
    test("fails when a message is handed out beyond its maximum, or blocks its group then", async () => {
      await send("a", "poison");
      await send("a", "good");
      for (let count = 1; count <= opened.maxReceiveCount; count++) {
        const message = await receiveOne();
        expect(message).toMatchObject({ body: "poison", receiveCount: count });
        // By both ways in which a consumer can fail.
        if (count % 2 === 0) await queue.release(message.receipt);
        else await lapse();
      }
      expect(bodies(await drain())).toEqual(["good"]);
      const dead = await receiveDead();
      expect(bodies(dead)).toEqual(["poison"]);
      expect(dead[0]?.reason).toBe(`received ${opened.maxReceiveCount} times without success`);
    });

    test("fails when a rejected message comes back, loses its reason, or blocks its group", async () => {
      await send("a", "bad");
      await send("a", "good");
      const bad = await receiveOne();
      await queue.reject(bad, "usage_invalid_message: the body is not JSON");
      expect(bodies(await drain())).toEqual(["good"]);
      await send("a", "later");
      expect(bodies(await drain())).toEqual(["later"]);
      const [letter] = await receiveDead();
      expect(letter).toMatchObject({ body: "bad", reason: "usage_invalid_message: the body is not JSON" });
      await lapse();
      expect(await queue.receive(10)).toEqual([]);
    });

    test("fails when a dead letter is taken twice at once, lost with its consumer, or kept after the end", async () => {
      for (const number of [1, 2]) {
        await send(`group-${number}`, `bad-${number}`);
        await queue.reject(await receiveOne(), `reason ${number}`);
      }
      const taken: string[] = [];
      while (taken.length < 2) {
        const batch = await receiveDead();
        if (batch.length === 0) break;
        taken.push(...batch.map((letter) => `${letter.body}: ${letter.reason}`));
      }
      expect(taken.toSorted()).toEqual(["bad-1: reason 1", "bad-2: reason 2"]);
      expect(await opened.other.receiveDeadLetters(10)).toEqual([]);
      // More often than any maximum of the queue itself: a dead letter has nowhere else to go.
      for (let count = 0; count <= opened.maxReceiveCount; count++) await lapse().then(receiveDead);
      await lapse();
      const again: string[] = [];
      for (let batch = await receiveDead(); batch.length > 0; batch = await receiveDead()) {
        for (const letter of batch) await queue.acknowledge(letter.receipt);
        again.push(...bodies(batch));
      }
      expect(again.toSorted()).toEqual(["bad-1", "bad-2"]);
      await lapse();
      expect(await queue.receiveDeadLetters(10)).toEqual([]);
    });
  });
}
