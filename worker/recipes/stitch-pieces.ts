import type { PcmFormat } from "../media/pcm/pcm-decode-args.ts";
import type { PcmPiece } from "../media/pcm/pcm-joiner.ts";
import { openPcmSource, type PcmSource, type PcmSourceEnd } from "../media/pcm/pcm-source.ts";
import type { LoudnessMatch } from "./match-loudness.ts";
import type { RecipeContext } from "./recipe.ts";
import type { StitchInput } from "./stitch-plan.ts";

/** Decoders that stand ready behind the one that is read: 500 inputs must not be 500 processes. */
const ahead = 1;

export interface StitchPieces {
  readonly pieces: AsyncIterable<PcmPiece>;
  /** The decoders' command lines so far, with `{in0}` for paths. */
  readonly steps: readonly { readonly argv: readonly string[] }[];
  /** Ends every decoder that still runs. */
  close(): Promise<void>;
}

/** Opens the inputs one after another, the next while the present one flows. */
export function openStitchPieces(
  context: RecipeContext,
  work: {
    readonly inputs: readonly StitchInput[];
    readonly target: PcmFormat;
    readonly match: LoudnessMatch | null;
    /** Whether each is to be measured as it comes. */
    readonly measure: boolean;
    onEnd(end: PcmSourceEnd): void;
  },
): StitchPieces {
  const stop = new AbortController();
  const signal = AbortSignal.any([context.signal, stop.signal]);
  const steps: { argv: readonly string[] }[] = [];
  const running = new Set<PcmSource>();

  const open = (input: StitchInput, index: number): PcmSource => {
    const gainDb = work.match?.gainsDb[index] ?? 0;
    const source = openPcmSource(
      context.toolchain,
      { ...input, target: work.target, gainDb },
      { measure: work.measure, signal, onEnd: work.onEnd },
    );
    const path = source.args.indexOf("-i") + 1;
    steps.push({ argv: ["ffmpeg", ...source.args.with(path, `{in${index}}`)] });
    running.add(source);
    const leave = () => running.delete(source);
    source.ended.then(leave, leave);
    return source;
  };

  async function* openInTurn(): AsyncGenerator<PcmPiece> {
    const ready: PcmSource[] = [];
    let next = 0;
    for (;;) {
      for (; next < work.inputs.length && ready.length <= ahead; next++) {
        ready.push(open(work.inputs[next] as StitchInput, next));
      }
      const source = ready.shift();
      if (source === undefined) return;
      yield source;
    }
  }

  return {
    pieces: openInTurn(),
    steps,
    async close() {
      if (running.size === 0) return;
      stop.abort(new Error("the join has ended"));
      await Promise.allSettled([...running].map((source) => source.ended));
    },
  };
}
