import type { Readable } from "node:stream";

/**
 * Reads the blocks of `ffmpeg -progress` (key=value lines, each block closed by `progress=continue|end`) and gives the
 * output time of each in seconds. Blocks without one (`N/A`, before the first packet) are passed over.
 */
export async function* parseProgress(stream: Readable): AsyncGenerator<number> {
  let rest = "";
  let outTimeSeconds: number | null = null;
  for await (const chunk of stream) {
    const lines = (rest + String(chunk)).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      const [key, value = ""] = line.split("=", 2);
      if (key === "out_time_us") outTimeSeconds = parseMicroseconds(value);
      else if (key === "progress" && outTimeSeconds !== null) yield outTimeSeconds;
    }
  }
}

// Before the first packet ffmpeg prints N/A, or the smallest 64-bit integer.
function parseMicroseconds(value: string): number | null {
  const microseconds = Number(value.trim() || Number.NaN);
  return Number.isFinite(microseconds) && microseconds >= 0 ? microseconds / 1e6 : null;
}
