import { stat } from "node:fs/promises";
import type { Toolchain } from "../toolchain/toolchain.ts";
import { createAacCodec } from "./aac-codec.ts";
import { Doubt } from "./doubt.ts";
import type { FastTrack } from "./fast-track.ts";
import { buildJoinPlan, type JoinPlan } from "./join-plan.ts";
import { type M4aTrack, readM4aTrack } from "./m4a-track.ts";
import { measureSeams } from "./measure-joined.ts";
import { createMp3Codec } from "./mp3-codec.ts";
import { type Mp3Track, readMp3Track } from "./mp3-track.ts";
import { type RenderedSeams, renderSeams } from "./render-seams.ts";
import type { SeamCodec, Splice } from "./seam-codec.ts";
import { writeM4a } from "./write-m4a.ts";
import { writeMp3 } from "./write-mp3.ts";
import { leastXingStart } from "./xing-frame.ts";

/** A codec in its file format, as a fast join needs it. */
export interface FastFormat<Track extends FastTrack> {
  /** Throws a `Doubt` when the file is not plain. */
  read(path: string, name: string, sizeBytes: number): Promise<Track>;
  createCodec(tracks: readonly Track[], share: number): SeamCodec;
  /** Samples that a header of the output can cut at the least. */
  readonly leastStart: number;
  write(
    path: string,
    work: { readonly tracks: readonly Track[]; readonly plan: JoinPlan; readonly splices: readonly Splice[] },
    signal: AbortSignal,
  ): Promise<void>;
}

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

interface Attempt {
  /** Frames on each side of a seam among which its ends are chosen: transients make windows that do not fit together. */
  readonly slackFrames: number;
  /** Of the highest bit rate, for new frames. */
  readonly share: number;
}
const usual: Attempt = { slackFrames: 4, share: 1 };
const roomy: Attempt = { slackFrames: 16, share: 0.8 };

/** Joins tracks of one rate and layout into `outPath`. Throws a `Doubt` when they do not lend themselves to it. */
export async function joinTracks<Track extends FastTrack>(
  format: FastFormat<Track>,
  tracks: readonly Track[],
  options: JoinOptions,
): Promise<FastJoin> {
  const { toolchain, signal, outPath, gap, crossfade } = options;
  const joinWith = async ({ slackFrames, share }: Attempt) => {
    const codec = format.createCodec(tracks, share);
    const plan = buildJoinPlan(tracks, {
      grid: codec.grid,
      gap,
      crossfade,
      leastStart: format.leastStart,
      slackFrames,
    });
    return { plan, ...(await renderSeams(toolchain, codec, plan.seams, signal)) };
  };
  const joined = await joinWith(usual).catch((error: unknown) => {
    if (error instanceof Doubt) return joinWith(roomy);
    throw error;
  });
  const { plan, splices } = joined;
  await format.write(outPath, { tracks, plan, splices }, signal);
  const written = await format.read(outPath, "the joined file", (await stat(outPath)).size);
  if (written.startSample !== plan.startSample || written.endSample !== plan.endSample) {
    throw new Doubt("the joined file is not what was planned");
  }
  return { ...joined, seamPeakDbtp: await measureSeams(toolchain, format.createCodec([written], 1), splices, signal) };
}

export const mp3Format: FastFormat<Mp3Track> = {
  read: readMp3Track,
  createCodec: createMp3Codec,
  leastStart: leastXingStart,
  write: writeMp3,
};

export const m4aFormat: FastFormat<M4aTrack> = {
  read: readM4aTrack,
  createCodec: createAacCodec,
  leastStart: 0,
  write: writeM4a,
};
