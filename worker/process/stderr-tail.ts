/** Keeps the last bytes of a stream that may never end. */
export class StderrTail {
  readonly #maxBytes: number;
  #chunks: Buffer[] = [];
  #bytes = 0;
  /** Whether anything was dropped since the beginning. */
  #cut = false;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  push(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    // Compacted at twice the size, so that the cost per byte stays constant.
    if (this.#bytes > 2 * this.#maxBytes) this.#compact();
  }

  /** Cut at a character, and at a line where there is one in reach. */
  toString(): string {
    this.#compact();
    const text = Buffer.concat(this.#chunks).toString("utf8");
    if (!this.#cut) return text;
    const newline = text.indexOf("\n");
    return newline >= 0 && newline < text.length - 1 ? text.slice(newline + 1) : text.replace(/^\uFFFD+/, "");
  }

  #compact(): void {
    this.#cut ||= this.#bytes > this.#maxBytes;
    const all = Buffer.concat(this.#chunks);
    // Copied: a slice would keep the whole of a large chunk alive.
    const kept = Buffer.from(all.subarray(Math.max(0, all.length - this.#maxBytes)));
    this.#chunks = [kept];
    this.#bytes = kept.length;
  }
}
