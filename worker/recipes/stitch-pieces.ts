import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { FileRun, PcmRun } from "../media/pcm/file-run.ts";
import type { PcmFormat } from "../media/pcm/pcm-decode-args.ts";
import type { PcmPiece } from "../media/pcm/pcm-joiner.ts";
import {
  openPcmFile,
  openPcmSource,
  type PcmFileSource,
  type PcmSource,
  type PcmSourceEnd,
} from "../media/pcm/pcm-source.ts";
import type { LoudnessMatch } from "./match-loudness.ts";
import type { RecipeContext } from "./recipe.ts";
import { estimateSeconds, type StitchInput } from "./stitch-plan.ts";

/** Decoders that stand ready behind the one that is read: 500 inputs must not be 500 processes. */
const usualAhead = 1;

export interface StitchPieces<Run = Uint8Array> {
  readonly pieces: AsyncIterable<PcmPiece<Run>>;
  /** The decoders' command lines so far, with `{in0}` for paths. */
  readonly steps: readonly { readonly argv: readonly string[] }[];
  /** Ends every decoder that still runs. */
  close(): Promise<void>;
}

export interface PiecesWork {
  readonly inputs: readonly StitchInput[];
  readonly target: PcmFormat;
  readonly match: LoudnessMatch | null;
  /** Whether each is to be measured as it comes. */
  readonly measure: boolean;
  onEnd(end: PcmSourceEnd, index: number): void;
}

/** Opens the inputs one after another, the next while the present one flows. */
export function openStitchPieces(context: RecipeContext, work: PiecesWork): StitchPieces {
  return openInTurn(context, work, usualAhead, (input, index, signal) =>
    openPipe(context, work, { input, index, signal }),
  );
}

/** What may lie on the disk of each input that is decoded ahead: 230 MB of stereo at 48 kHz. */
const mostFileSeconds = 600;

export interface StitchFiles {
  /** So many decoders run ahead, on cores of their own. */
  readonly ahead: number;
  /** A whole input lies there; its end is told by whoever has listened to it. */
  onFile(run: FileRun, end: Pick<PcmSourceEnd, "duration" | "missingSeconds">, index: number): void;
}

/**
 * The same, but short inputs are decoded into files, and told to `onFile`; others to `onEnd`. Whoever needs a file no more
 * may remove it; `close` removes those that are left.
 */
export function openStitchRuns(
  context: RecipeContext,
  work: PiecesWork,
  { ahead, onFile }: StitchFiles,
): StitchPieces<Uint8Array | PcmRun> {
  const paths: string[] = [];
  const opened = openInTurn<PcmSource | PcmFileSource>(context, work, ahead, (input, index, signal) => {
    const seconds = estimateSeconds(input);
    if (seconds === 0 || seconds > mostFileSeconds) return openPipe(context, work, { input, index, signal });
    const path = join(context.scratchDir, `decoded-${index}.f32`);
    paths.push(path);
    return openPcmFile(context.toolchain, planDecode(work, input, index), {
      ...{ path, signal },
      onEnd: (end, run) => onFile(run, end, index),
    });
  });
  return {
    ...opened,
    async close() {
      await opened.close();
      for (const path of paths) await rm(path, { force: true });
    },
  };
}

const planDecode = ({ target, match }: PiecesWork, input: StitchInput, index: number) => ({
  ...input,
  target,
  gainDb: match?.gainsDb[index] ?? 0,
});

interface Turn {
  readonly input: StitchInput;
  readonly index: number;
  readonly signal: AbortSignal;
}

const openPipe = ({ toolchain }: RecipeContext, work: PiecesWork, { input, index, signal }: Turn): PcmSource =>
  openPcmSource(toolchain, planDecode(work, input, index), {
    ...{ measure: work.measure, signal },
    onEnd: (end) => work.onEnd(end, index),
  });

function openInTurn<Source extends PcmSource | PcmFileSource>(
  context: RecipeContext,
  { inputs }: PiecesWork,
  ahead: number,
  start: (input: StitchInput, index: number, signal: AbortSignal) => Source,
) {
  const stop = new AbortController();
  const signal = AbortSignal.any([context.signal, stop.signal]);
  const steps: { argv: readonly string[] }[] = [];
  const running = new Set<Source>();

  const open = (input: StitchInput, index: number): Source => {
    const source = start(input, index, signal);
    const path = source.args.indexOf("-i") + 1;
    steps.push({ argv: ["ffmpeg", ...source.args.with(path, `{in${index}}`)] });
    running.add(source);
    const leave = () => running.delete(source);
    source.ended.then(leave, leave);
    return source;
  };

  async function* inTurn(): AsyncGenerator<Source> {
    const ready: Source[] = [];
    let next = 0;
    for (;;) {
      for (; next < inputs.length && ready.length <= ahead; next++) ready.push(open(inputs[next] as StitchInput, next));
      const source = ready.shift();
      if (source === undefined) return;
      yield source;
    }
  }

  return {
    pieces: inTurn(),
    steps,
    async close() {
      if (running.size === 0) return;
      stop.abort(new Error("the join has ended"));
      await Promise.allSettled([...running].map((source) => source.ended));
    },
  };
}
