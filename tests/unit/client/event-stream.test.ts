import { expect, test } from "vitest";
import { readEvents } from "../../../client/event-stream.ts";

/** The text as it might arrive: in pieces of `size` bytes, which split characters and line ends. */
function streamOf(text: string, size: number): ReadableStream<Uint8Array> {
  const bytes = new TextEncoder().encode(text);
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      if (at >= bytes.length) return controller.close();
      controller.enqueue(bytes.slice(at, at + size));
      at += size;
    },
  });
}

const text =
  ': hello\n\nevent: job\r\nid: 1\r\ndata: {"a":\r\ndata:  "ü🎧"}\r\n\r\ndata: x\n\nid\nevent: end\ndata:\n\ndata: unfinished';

test.each([1, 2, 3, 7, 1_000])("fails when events that come in pieces of %i bytes are read wrongly", async (size) => {
  const events = [];
  for await (const event of readEvents(streamOf(text, size))) if (event !== null) events.push(event);
  expect(events).toEqual([
    { event: "job", id: "1", data: '{"a":\n "ü🎧"}' },
    { event: "message", id: "1", data: "x" },
    { event: "end", id: "", data: "" },
  ]);
});

test("fails if leaving the loop does not end the stream", async () => {
  let canceled = false;
  const endless = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(new TextEncoder().encode("data: x\n\n")),
    cancel: () => {
      canceled = true;
    },
  });
  for await (const event of readEvents(endless)) if (event !== null) break;
  expect(canceled).toBe(true);
});
