import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { DomainEvent } from "../../core/events.ts";
import { isoTime } from "../../core/platform.ts";
import type { DeadLetter, DeadLetterStore, EventLog } from "../../core/ports.ts";

export interface OpenedDeadLetterStore {
  readonly letters: DeadLetterStore;
  /** The same store as another process sees it. */
  readonly other: DeadLetterStore;
  readonly events: EventLog;
  /** The store's clock. */
  readonly clock: { now(): number; advance(ms: number): void };
  close(): Promise<void>;
}

/** What every DeadLetterStore must do. `open` gives an empty one. */
export function deadLetterStoreContract(name: string, open: () => Promise<OpenedDeadLetterStore>): void {
  describe(`${name} as a DeadLetterStore`, () => {
    let opened: OpenedDeadLetterStore;
    let letters: DeadLetterStore;
    beforeEach(async () => {
      opened = await open();
      letters = opened.letters;
    });
    afterEach(() => opened.close());

    const buildLetter = (id: string, overrides: Partial<DeadLetter> = {}): DeadLetter => ({
      id,
      body: `{"not": "ours", "id": "${id}", "text": "ü '\\"; 🎧"}`,
      reason: "usage_invalid_message: the body is no JSON object",
      at: isoTime(opened.clock.now()),
      expiresAt: isoTime(opened.clock.now() + 60_000),
      ...overrides,
    });
    const buildEvent = (id: string): DomainEvent => ({
      id: `evt_${id}`,
      type: "message.rejected.v1",
      time: isoTime(opened.clock.now()),
      owner: "local",
      subject: id,
      version: 1,
      data: { body: "…" },
    });

    test("fails when letters are changed, lost or out of order", async () => {
      const second = buildLetter("second", { at: isoTime(opened.clock.now() + 1) });
      const first = buildLetter("first");
      await letters.put(second);
      await letters.put(first);
      expect(await opened.other.list()).toEqual([first, second]);
    });

    test("fails when the same id is kept twice, replaced, or told twice", async () => {
      const letter = buildLetter("same");
      await letters.put(letter, buildEvent("same"));
      await opened.other.put({ ...letter, reason: "another" }, buildEvent("same"));
      expect(await letters.list()).toEqual([letter]);
      await Promise.all([letters.put(letter, buildEvent("same")), opened.other.put(letter, buildEvent("same"))]);
      expect(await letters.list()).toEqual([letter]);
      expect((await opened.events.read(0, 10)).map((entry) => entry.event)).toEqual([buildEvent("same")]);
    });

    test("fails when a letter without an event tells one", async () => {
      await letters.put(buildLetter("silent"));
      expect(await opened.events.read(0, 10)).toEqual([]);
    });

    test("fails when a letter outlives its time", async () => {
      await letters.put(buildLetter("short"));
      const long = buildLetter("long", { expiresAt: isoTime(opened.clock.now() + 120_000) });
      await letters.put(long);
      opened.clock.advance(61_000);
      expect(await letters.list()).toEqual([long]);
    });

    test("fails when a removed letter stays, takes another with it, or cannot be removed twice", async () => {
      const kept = buildLetter("kept");
      await letters.put(buildLetter("removed"));
      await letters.put(kept);
      await letters.remove("removed");
      await opened.other.remove("removed");
      await letters.remove("unknown");
      expect(await letters.list()).toEqual([kept]);
    });
  });
}
