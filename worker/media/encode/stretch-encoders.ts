import { createBell } from "../../process/bell.ts";
import { startFfmpeg } from "../../process/run-ffmpeg.ts";
import { parseMp3Header } from "../fast-join/mp3-header.ts";
import { buildFloatInput, fullBuffers } from "../pcm/float-args.ts";
import type { Toolchain } from "../toolchain/toolchain.ts";
import type { EncoderPlan } from "./encoder-plan.ts";
import type { EncodedStretch, StretchSource } from "./mp3-stretches.ts";
import type { StretchInput, StretchInputs } from "./stretch-inputs.ts";

/** Encoders of stretches, some of which run side by side. */
export interface StretchEncoders extends StretchSource {
  readonly done: Promise<unknown>;
  /** Resolves when none runs any more, however each ended. */
  readonly gone: Promise<unknown>;
  /** The first one's command line. */
  argv(): readonly string[];
}

/** Starts an encoder for each stretch, in their order, `most` at a time; `signal` ends them. */
export function startStretchEncoders(
  toolchain: Toolchain,
  plan: EncoderPlan,
  inputs: StretchInputs,
  most: number,
  signal: AbortSignal,
): StretchEncoders {
  const moved = createBell();
  const started = new Map<number, RunningStretch>();
  let [joined, running] = [0, 0];
  let argv: readonly string[] = [];
  let ended = false;
  let failure: { readonly reason: unknown } | null = null;
  const until = async (holds: () => boolean): Promise<void> => {
    while (!holds()) {
      signal.throwIfAborted();
      if (failure !== null) throw failure.reason;
      await moved.wait();
    }
  };
  signal.addEventListener("abort", moved.ring, { once: true });

  const run = async (): Promise<void> => {
    const all: Promise<void>[] = [];
    try {
      for (let index = 0; ; index++) {
        // What is encoded and not yet joined waits in memory: 2 MB a minute at the most.
        await until(() => running < most && index < joined + 2 * most);
        const input = await inputs.take(index);
        if (input === null) break;
        running++;
        const stretch = startStretch(toolchain, plan, input, signal);
        started.set(index, stretch);
        moved.ring();
        all.push(
          stretch.done.then(
            (result) => {
              running--;
              if (index === 0) argv = result.argv;
              moved.ring();
            },
            (reason: unknown) => {
              running--;
              failure ??= { reason };
              moved.ring();
              throw reason;
            },
          ),
        );
        // Whoever awaits all of them is told; until then it is no unhandled rejection.
        all.at(-1)?.catch(() => {});
        if (input.isLast) break;
      }
    } catch (reason) {
      failure ??= { reason };
      throw reason;
    } finally {
      ended = true;
      moved.ring();
      await Promise.allSettled(all);
    }
    await Promise.all(all);
  };
  const done = run();
  done.catch(() => {});

  return {
    async open(index) {
      await until(() => started.has(index) || ended);
      if (failure !== null) throw failure.reason;
      return started.get(index) ?? null;
    },
    async onJoined(index) {
      joined = index;
      const before = index - 1;
      moved.ring();
      if (!started.delete(before)) return;
      await inputs.release(before);
    },
    done,
    gone: done.catch(() => {}),
    argv: () => argv,
  };
}

function buildStretchArgs({ path, from, to }: StretchInput, plan: EncoderPlan): readonly string[] {
  const format = ["-ar", String(plan.sampleRateHz), "-ac", String(plan.channels)];
  return [
    ...buildFloatInput(plan, `subfile,,start,${from},end,${to},,:${path}`),
    ...["-map", "0:a:0", ...plan.codecArgs, ...format],
    // Bare frames.
    ...["-write_xing", "0", "-id3v2_version", "0", ...fullBuffers, "-f", "mp3", "pipe:1"],
  ];
}

interface RunningStretch extends EncodedStretch {
  readonly done: Promise<{ readonly argv: readonly string[] }>;
}

function startStretch(
  toolchain: Toolchain,
  plan: EncoderPlan,
  input: StretchInput,
  signal: AbortSignal,
): RunningStretch {
  const { stdout, done } = startFfmpeg(toolchain, buildStretchArgs(input, plan), { signal });
  const come = createBell();
  const frames: Buffer[] = [];
  let ended = false;
  // Read at once: an encoder shall not wait for its turn to be joined.
  const reading = collectFrames(stdout, (more) => {
    frames.push(...more);
    come.ring();
  }).finally(() => {
    ended = true;
    come.ring();
  });
  reading.catch(() => {});
  return {
    done: Promise.all([done, reading]).then(([result]) => result),
    isLast: input.isLast,
    async take(most) {
      while (frames.length === 0 && !ended) await come.wait();
      if (frames.length === 0) await Promise.all([reading, done]);
      return frames.splice(0, most);
    },
  };
}

/** The frames of a bare stream, as soon as each is whole. */
async function collectFrames(stream: AsyncIterable<Uint8Array>, take: (frames: Buffer[]) => void): Promise<void> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of stream) {
    const bytes: Buffer = Buffer.concat([rest, chunk]);
    const frames: Buffer[] = [];
    let at = 0;
    while (at + 4 <= bytes.length) {
      const header = parseMp3Header(bytes, at);
      if (header === null) throw new RangeError("an encoder gave something that is no mp3 frame");
      if (at + header.bytes > bytes.length) break;
      frames.push(bytes.subarray(at, at + header.bytes));
      at += header.bytes;
    }
    rest = bytes.subarray(at);
    if (frames.length > 0) take(frames);
  }
}
