import type { Writable } from "node:stream";
import { startFfmpeg } from "../../process/run-ffmpeg.ts";
import type { StartedProcess } from "../../process/run-process.ts";
import { parseMp3Header } from "../fast-join/mp3-header.ts";
import type { Toolchain } from "../toolchain/toolchain.ts";
import type { EncoderPlan } from "./encoder-plan.ts";
import { placeStretch, type StretchPlan, type StretchSource } from "./mp3-stretches.ts";

/** Encoders that work side by side, each on every so manieth stretch of one recording. */
export interface StretchLanes extends StretchSource {
  /** Hands the samples out; resolves when all are taken, with their number for each channel. */
  feed(pcm: AsyncIterable<Uint8Array>): Promise<number>;
  readonly done: Promise<unknown>;
  /** Resolves when none runs any more, however each ended. */
  readonly gone: Promise<unknown>;
  /** The first one's command line. */
  argv(): Promise<readonly string[]>;
}

/** Starts the encoders; `signal` ends them. */
export function startLanes(
  toolchain: Toolchain,
  plan: EncoderPlan,
  stretches: StretchPlan & { readonly samplesPerFrame: number },
  signal: AbortSignal,
): StretchLanes {
  const { lanes: count, stretchFrames, samplesPerFrame } = stretches;
  const lanes = Array.from({ length: count }, () =>
    startLane(startFfmpeg(toolchain, buildLaneArgs(plan), { signal, stdin: "pipe" })),
  );
  const frameBytes = 4 * plan.channels * samplesPerFrame;
  const moved = createBell();
  const state = { joined: 0, bytes: 0, ended: false };
  const place = (index: number) => {
    const { from, to } = placeStretch(index, stretchFrames);
    return { from: from * frameBytes, to: to * frameBytes };
  };
  /** An encoder gets its next stretch when it has done half of the last, and results do not pile up. */
  const mayBegin = (index: number): boolean =>
    (lanes[index % count] as Lane).waiting() < (stretchFrames * frameBytes) / 2 && state.joined > index - 2 * count - 1;
  const until = async (holds: () => boolean): Promise<void> => {
    while (!holds()) {
      signal.throwIfAborted();
      await moved.wait();
    }
  };
  signal.addEventListener("abort", moved.ring, { once: true });

  return {
    async feed(pcm) {
      let begun = -1;
      for await (const chunk of pcm) {
        const end = state.bytes + chunk.length;
        const middle = Math.floor(state.bytes / (stretchFrames * frameBytes));
        for (let index = Math.max(0, middle - 1); place(index).from < end; index++) {
          const { from, to } = place(index);
          const part = chunk.subarray(Math.max(0, from - state.bytes), Math.max(0, to - state.bytes));
          if (part.length === 0) continue;
          if (index > begun) {
            await until(() => mayBegin(index));
            begun = index;
          }
          (lanes[index % count] as Lane).write(part, moved.ring);
        }
        state.bytes = end;
        moved.ring();
        // Nothing waits for room but at a stretch's begin: readers and writers get their turn.
        await until(() => lanes.every((lane) => lane.waiting() < 2 * stretchFrames * frameBytes));
      }
      state.ended = true;
      moved.ring();
      for (const lane of lanes) lane.end();
      return Math.floor(state.bytes / (4 * plan.channels));
    },
    next: (lane) => (lanes[lane] as Lane).next(),
    async isLast(index) {
      const { to } = place(index);
      await until(() => state.ended || state.bytes >= to);
      return state.bytes < to;
    },
    onJoined(index) {
      state.joined = index;
      moved.ring();
    },
    done: Promise.all(lanes.map((lane) => lane.done)),
    gone: Promise.allSettled(lanes.map((lane) => lane.done)),
    argv: async () => (await (lanes[0] as Lane).done).argv,
  };
}

function buildLaneArgs({ codecArgs, sampleRateHz, channels }: EncoderPlan): readonly string[] {
  const format = ["-ar", String(sampleRateHz), "-ac", String(channels)];
  return [
    ...["-f", "f32le", ...format, "-i", "pipe:0", "-map", "0:a:0", ...codecArgs, ...format],
    // Bare frames, each as soon as it is there.
    ...["-write_xing", "0", "-id3v2_version", "0", "-flush_packets", "1", "-f", "mp3", "pipe:1"],
  ];
}

interface Lane {
  readonly done: StartedProcess["done"];
  /** Bytes that the encoder has not taken yet. */
  waiting(): number;
  write(bytes: Uint8Array, onTaken: () => void): void;
  end(): void;
  next(): Promise<Buffer | null>;
}

function startLane({ stdin, stdout, done }: StartedProcess): Lane {
  const input = stdin as Writable;
  const come = createBell();
  const frames: Buffer[] = [];
  let waiting = 0;
  let ended = false;
  // Read at once: an encoder shall not wait for its turn to be joined.
  const reading = collectFrames(stdout, (frame) => {
    frames.push(frame);
    come.ring();
  }).finally(() => {
    ended = true;
    come.ring();
  });
  reading.catch(() => {});
  return {
    done,
    waiting: () => waiting,
    write(bytes, onTaken) {
      waiting += bytes.length;
      input.write(bytes, () => {
        waiting -= bytes.length;
        onTaken();
      });
    },
    end: () => input.end(),
    async next() {
      while (frames.length === 0 && !ended) await come.wait();
      if (frames.length === 0) await Promise.all([reading, done]);
      return frames.shift() ?? null;
    },
  };
}

/** The frames of a bare stream, as soon as each is whole. */
async function collectFrames(stream: AsyncIterable<Uint8Array>, take: (frame: Buffer) => void): Promise<void> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of stream) {
    const bytes: Buffer = Buffer.concat([rest, chunk]);
    let at = 0;
    while (at + 4 <= bytes.length) {
      const header = parseMp3Header(bytes, at);
      if (header === null) throw new RangeError("an encoder gave something that is no mp3 frame");
      if (at + header.bytes > bytes.length) break;
      take(bytes.subarray(at, at + header.bytes));
      at += header.bytes;
    }
    rest = bytes.subarray(at);
  }
}

/** Wakes all who wait. */
function createBell(): { ring(): void; wait(): Promise<void> } {
  let next = Promise.withResolvers<void>();
  return {
    ring() {
      const now = next;
      next = Promise.withResolvers<void>();
      now.resolve();
    },
    wait: () => next.promise,
  };
}
