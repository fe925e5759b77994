import type { Writable } from "node:stream";

/** Resolves when it takes more, or is gone: why it went is told by its process. */
export function drained(sink: Writable): Promise<void> {
  if (sink.destroyed) return Promise.resolve();
  const { promise, resolve } = Promise.withResolvers<void>();
  const events = ["drain", "close", "error"] as const;
  for (const event of events) sink.once(event, resolve);
  return promise.finally(() => {
    for (const event of events) sink.off(event, resolve);
  });
}
