import { stat } from "node:fs/promises";
import type { Toolchain } from "../toolchain.ts";
import { Doubt } from "./doubt.ts";
import { buildJoinPlan, type JoinPlan } from "./join-plan.ts";
import { measureSeams } from "./measure-joined.ts";
import { createMp3Codec } from "./mp3-codec.ts";
import { type Mp3Track, readMp3Track } from "./mp3-track.ts";
import { type RenderedSeams, renderSeams } from "./render-seams.ts";
import { writeMp3 } from "./write-mp3.ts";
import { leastXingStart } from "./xing-frame.ts";

interface Attempt {
  /** Frames on each side of a seam among which its ends are chosen: transients make windows that do not fit together. */
  readonly slackFrames: number;
  /** Of the highest bit rate, for new frames. */
  readonly share: number;
}
const attempts: Readonly<Record<"usual" | "roomy", Attempt>> = {
  usual: { slackFrames: 4, share: 1 },
  roomy: { slackFrames: 16, share: 0.8 },
};

export interface JoinOptions {
  readonly toolchain: Toolchain;
  readonly signal: AbortSignal;
  readonly outPath: string;
  /** Samples. */
  readonly gap: number;
  readonly crossfade: number;
}

export interface FastJoin extends RenderedSeams {
  readonly plan: JoinPlan;
  /** Of the seams as they are decoded from the finished file. */
  readonly seamPeakDbtp: number | null;
}

/** Joins tracks of one rate and layout into `outPath`. Throws a `Doubt` when they do not lend themselves to it. */
export async function joinMp3(tracks: readonly Mp3Track[], options: JoinOptions): Promise<FastJoin> {
  const { toolchain, signal, outPath, gap, crossfade } = options;
  const joinWith = async ({ slackFrames, share }: Attempt) => {
    const codec = createMp3Codec(tracks, share);
    const wishes = { grid: codec.grid, gap, crossfade, leastStart: leastXingStart, slackFrames };
    const plan = buildJoinPlan(tracks, wishes);
    return { plan, ...(await renderSeams(toolchain, codec, plan.seams, signal)) };
  };
  const joined = await joinWith(attempts.usual).catch((error: unknown) => {
    if (error instanceof Doubt) return joinWith(attempts.roomy);
    throw error;
  });
  const { plan, splices } = joined;
  await writeMp3(outPath, { tracks, plan, splices }, signal);
  const written = await readMp3Track(outPath, "the joined file", (await stat(outPath)).size);
  const asPlanned = written.frames === plan.totalFrames && written.startSample === plan.startSample;
  if (!asPlanned || written.endSample !== plan.endSample) throw new Doubt("the joined file is not what was planned");
  return { ...joined, seamPeakDbtp: await measureSeams(toolchain, createMp3Codec([written]), splices, signal) };
}
