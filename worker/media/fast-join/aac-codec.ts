import { buildEncoderPlan } from "../encode/encoder-plan.ts";
import { aacWindowsFit, readAacWindow, splitAdts, unwrapAdts, wrapAdts } from "./aac-frame.ts";
import { Doubt } from "./doubt.ts";
import type { JoinSpan, Seam } from "./join-plan.ts";
import { aacFrame, type M4aTrack, readM4aFrames } from "./m4a-track.ts";
import { withFile } from "./read-at.ts";
import type { SeamCodec, Splice } from "./seam-codec.ts";

/** A frame's samples are whole once the frame before it was decoded. */
const settleFrames = 2;

/**
 * Seams of AAC. Its frames carry all their own data, so only the overlap of neighbours has to fit: the encoder is fed in
 * step with the tracks' frames, and ends of seams are chosen where the windows agree in sequence and shape.
 */
export function createAacCodec(tracks: readonly M4aTrack[]): SeamCodec {
  const [first] = tracks;
  if (first === undefined) throw new Doubt("there is no input");
  const { sampleRateHz, channels } = first.config;
  const read = (index: number, from: number, to: number): Promise<Buffer[]> => {
    const track = tracks[index];
    if (track === undefined) throw new RangeError(`there is no track ${index}`);
    return withFile(track.path, (readAt) =>
      readM4aFrames(readAt, track, Math.max(0, from), Math.min(to, track.frames)),
    );
  };
  const silent = buildSilentAacFrame(channels);
  const readSpan = async (span: JoinSpan, from: number, to: number): Promise<Buffer[]> =>
    span.track === null
      ? Array.from({ length: to - from }, () => silent)
      : read(span.track, from - span.frameOffset, to - span.frameOffset);
  const most = Math.max(...tracks.map((track) => track.bitRate));
  const plan = buildEncoderPlan("m4a", { sampleRateHz, channels, bitRate: 2.5 * most });
  return {
    grid: { samplesPerFrame: aacFrame, tailSamples: aacFrame, leadSamples: 0 },
    ...{ sampleRateHz, channels, delaySamples: aacFrame, gainDb: 0 },
    decodeInputArgs: ["-f", "aac"],
    // Noise in the place of sound would be another each time.
    encodeOutputArgs: [...plan.codecArgs, "-aac_pns", "0", "-f", "adts"],
    settle: (from) => Math.max(0, from - settleFrames),
    countFrames: (track) => tracks[track]?.frames ?? 0,
    readFrames: async (track, from, to) => (await read(track, from, to)).map((frame) => wrapAdts(frame, first.config)),
    splitFrames: splitAdts,
    splice: (seam, { at, frames }) => spliceSeam(seam, { at, frames: frames.map(unwrapAdts), channels }, readSpan),
  };
}

/**
 * Nothing is coded: one element of no bands, in a long window of the second shape, which encoders mostly use; then the
 * end (ISO/IEC 14496-3, 4.4.2.1).
 */
export function buildSilentAacFrame(channels: number): Buffer {
  const channel = (info: string) => `00000000${info}000`;
  // Reserved bit, sequence, shape, no bands, no prediction.
  const info = "00010000000";
  const bits = channels === 1 ? `0000000${channel(info)}111` : `0010000${`1${info}00`}${channel("")}${channel("")}111`;
  const padded = bits.padEnd(8 * Math.ceil(bits.length / 8), "0");
  return Buffer.from(padded.match(/.{8}/g)?.map((byte) => Number.parseInt(byte, 2)) ?? []);
}

async function spliceSeam(
  seam: Seam,
  made: { readonly at: number; readonly frames: readonly Buffer[]; readonly channels: number },
  readSpan: (span: JoinSpan, from: number, to: number) => Promise<Buffer[]>,
): Promise<Splice | null> {
  const [before, after] = [seam.spans[0], seam.spans.at(-1)];
  if (before === undefined || after === undefined) return null;
  const { firstFrame, endFrame } = seam;
  const windowOf = (frame: Buffer | undefined) => (frame === undefined ? null : readAacWindow(frame, made.channels));
  const fresh = (frame: number) => windowOf(made.frames[frame - made.at]);

  const old = await readSpan(before, firstFrame.least - 1, firstFrame.most);
  const beginsAt = (frame: number): boolean =>
    aacWindowsFit(windowOf(old[frame - firstFrame.least]), fresh(frame), fresh(frame - 1));
  let from = firstFrame.most;
  while (from >= firstFrame.least && !beginsAt(from)) from--;

  const next = await readSpan(after, endFrame.least - 1, endFrame.most + 1);
  const copied = (frame: number) => windowOf(next[frame - endFrame.least + 1]);
  const endsAt = (frame: number): boolean => aacWindowsFit(fresh(frame - 1), copied(frame), copied(frame - 1));
  let to = endFrame.least;
  while (to <= endFrame.most && !endsAt(to)) to++;
  if (from < firstFrame.least || to > endFrame.most) return null;
  // Copies: those that were made lie in large chunks, which would stay as long as they do.
  return { from, to, frames: made.frames.slice(from - made.at, to - made.at).map((frame) => Buffer.from(frame)) };
}
