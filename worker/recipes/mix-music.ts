import type { PcmFormat } from "../media/pcm/pcm-decode-args.ts";
import { joinPcm, type PcmPiece } from "../media/pcm/pcm-joiner.ts";
import { openPcmSource, type PcmSource } from "../media/pcm/pcm-source.ts";
import { type ExactSeconds, millisecondsToSeconds, zeroSeconds } from "../media/pcm/pcm-time.ts";
import type { MixInput } from "./mix-inputs.ts";
import type { RecipeContext } from "./recipe.ts";

/** Overlap of the music's end with its next beginning. */
export const loopCrossfadeMs = 50;

/** Music up to this size is decoded once and kept; longer music is decoded again each time. */
const keptBytes = 24 * 1024 ** 2;

export interface LoopedMusic {
  /** f32le without end: the music again and again. */
  readonly pcm: AsyncIterable<Buffer>;
  /** The decoder's command line. */
  readonly args: () => readonly string[];
  /** Ends the decoder that still runs. */
  close(): Promise<void>;
}

/** Music that lasts as long as it is read. Memory: a kept short piece, or the joiner's three overlaps. */
export function openLoopedMusic(
  context: Pick<RecipeContext, "toolchain" | "signal">,
  music: MixInput,
  target: PcmFormat,
): LoopedMusic {
  const stop = new AbortController();
  const signal = AbortSignal.any([context.signal, stop.signal]);
  const running = new Set<PcmSource>();
  let args: readonly string[] = [];

  const open = (): PcmSource => {
    const plan = { ...music, target, gainDb: 0 };
    const source = openPcmSource(context.toolchain, plan, { measure: false, signal, onEnd: () => {} });
    args = source.args;
    running.add(source);
    const leave = () => running.delete(source);
    source.ended.then(leave, leave);
    return source;
  };

  async function* repeat(): AsyncGenerator<PcmPiece> {
    const kept = createKeeper();
    for (;;) {
      const known = kept.piece();
      yield known ?? kept.listen(open());
    }
  }

  const { sampleRateHz, channels } = target;
  const crossfade = millisecondsToSeconds(loopCrossfadeMs);
  return {
    pcm: joinPcm(repeat(), { sampleRateHz, channels, gap: zeroSeconds, crossfade }),
    args: () => args,
    async close() {
      stop.abort(new Error("the mix has ended"));
      await Promise.allSettled([...running].map((source) => source.ended));
    },
  };
}

/** Keeps what flows by, as long as it is little. */
function createKeeper() {
  let chunks: Uint8Array[] | null = [];
  let bytes = 0;
  let duration: ExactSeconds | null = null;
  return {
    listen(source: PcmPiece): PcmPiece {
      async function* pass() {
        for await (const chunk of source.pcm) {
          bytes += chunk.length;
          if (bytes > keptBytes) chunks = null;
          chunks?.push(chunk);
          yield chunk;
        }
      }
      return {
        pcm: pass(),
        async duration(framesSeen) {
          duration = await source.duration(framesSeen);
          return duration;
        },
      };
    },
    /** The whole, once it has been heard and was little enough. */
    piece(): PcmPiece | null {
      const [whole, length] = [chunks, duration];
      if (whole === null || length === null) return null;
      async function* replay() {
        yield* whole ?? [];
      }
      return { pcm: replay(), duration: () => length };
    },
  };
}
