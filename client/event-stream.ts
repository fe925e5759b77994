export interface ServerEvent {
  readonly event: string;
  readonly data: string;
  /** The last id so far, as the specification has it. */
  readonly id: string;
}

/**
 * Events of a `text/event-stream` (WHATWG HTML, 9.2.6), and `null` for whatever else shows that the server lives.
 * Ends where the stream ends; an unfinished event is dropped.
 */
export async function* readEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<ServerEvent | null> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let text = "";
  let id = "";
  let event = "";
  let data: string[] = [];
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      text += decoder.decode(value, { stream: true });
      // A carriage return at the very end may be half of a line's end.
      const lines = text.split(/\r\n|\n|\r(?=[\s\S])/);
      text = lines.pop() ?? "";
      yield null;
      for (const line of lines) {
        if (line === "") {
          if (data.length > 0) yield { event: event || "message", data: data.join("\n"), id };
          event = "";
          data = [];
          continue;
        }
        const colon = line.indexOf(":");
        const field = colon < 0 ? line : line.slice(0, colon);
        const rest = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
        if (field === "event") event = rest;
        if (field === "data") data.push(rest);
        if (field === "id" && !rest.includes("\0")) id = rest;
      }
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}
