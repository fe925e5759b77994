/** Pieces of a file in order, each re-readable, at most `pieceBytes` each. */
export async function* readPieces(source: Blob | ReadableStream<Uint8Array>, pieceBytes: number): AsyncGenerator<Blob> {
  if (source instanceof Blob) {
    for (let start = 0; start < source.size; start += pieceBytes) yield source.slice(start, start + pieceBytes);
    return;
  }
  const reader = source.getReader();
  let held: Uint8Array<ArrayBuffer>[] = [];
  let heldBytes = 0;
  let over = false;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      held.push(new Uint8Array(value));
      heldBytes += value.byteLength;
      while (heldBytes >= pieceBytes) {
        const all = new Blob(held);
        yield all.slice(0, pieceBytes);
        const rest = new Uint8Array(await all.slice(pieceBytes).arrayBuffer());
        held = rest.byteLength > 0 ? [rest] : [];
        heldBytes = rest.byteLength;
      }
    }
    over = true;
    if (heldBytes > 0) yield new Blob(held);
  } finally {
    // Whoever makes the bytes should not go on for a reader that is gone.
    if (!over) await reader.cancel().catch(() => {});
    reader.releaseLock();
  }
}
