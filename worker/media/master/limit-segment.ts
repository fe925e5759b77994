import { closeSync, openSync } from "node:fs";
import { createListener, type HeardPart, type HearSetting } from "../encode/hear-segment.ts";
import { createLoudnessPart, type LoudnessSums } from "../meters/loudness-part.ts";
import { createSameRoom } from "../pcm/float-room.ts";
import { type PcmFile, readPcm, type Segment, writePcm } from "../pcm/pcm-file.ts";
import { createMasteringLimiter } from "./mastering-limiter.ts";

export interface LimitTask {
  readonly kind: "limit";
  readonly file: PcmFile;
  readonly segment: Segment;
  readonly gainDb: number;
  readonly ceilingDbtp: number;
  /** How far the recording's highest peak will be over the ceiling. */
  readonly overDb: number;
  /** Written there at the segment's own place; null: only measured, or listened to. */
  readonly outPath: string | null;
  /** How the result is listened to, and where it is stored in its final form. @default it is not */
  readonly hear?: HearSetting | undefined;
}

export interface LimitSums {
  readonly limited: boolean;
  /** Null where it was written. */
  readonly loudness: LoudnessSums | null;
  /** Null where it was not listened to. */
  readonly heard: HeardPart | null;
}

/** Gain and limiter on one segment; what lies beside it is limited too, so that the gain moves as it would in one piece. */
export function limitSegment({ file, segment, gainDb, ceilingDbtp, overDb, outPath, hear }: LimitTask): LimitSums {
  const { channels, sampleRateHz } = file;
  const { from, to, readFrom, readTo } = segment;
  const place = { startFrame: readFrom, room: createSameRoom() };
  const limiter = createMasteringLimiter({ sampleRateHz, channels, gainDb, ceilingDbtp, overDb, ...place });
  const isMeasured = outPath === null && hear === undefined;
  const loudness = isMeasured ? createLoudnessPart(file, { startFrame: readFrom, from, to }) : null;
  const listener = hear === undefined ? null : createListener(hear);
  const input = openSync(file.path, "r");
  const output = outPath === null ? null : openSync(outPath, "r+");
  let at = readFrom;
  const take = (samples: Float32Array): void => {
    loudness?.push(samples);
    if (output !== null) writePcm(output, channels, { samples, at, from, to });
    if (samples.length > 0) listener?.push(samples, at);
    at += samples.length / channels;
  };
  try {
    for (const samples of readPcm(input, channels, readFrom, readTo)) take(limiter.push(samples));
    take(limiter.finish());
    return {
      limited: limiter.limited(),
      loudness: loudness?.sums() ?? null,
      heard: listener?.finish() ?? null,
    };
  } finally {
    closeSync(input);
    if (output !== null) closeSync(output);
    listener?.close();
  }
}
