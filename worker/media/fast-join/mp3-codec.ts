import { buildEncoderPlan } from "../encode/encoder-plan.ts";
import { Doubt } from "./doubt.ts";
import type { JoinSpan, Seam } from "./join-plan.ts";
import { parseMp3Header } from "./mp3-header.ts";
import { buildSilentMp3Frame, collectReservoir, mayFollow, packSeam } from "./mp3-splice.ts";
import { type Mp3Track, readMp3Frames } from "./mp3-track.ts";
import { withFile } from "./read-at.ts";
import type { SeamCodec, Splice } from "./seam-codec.ts";

/** As many of the least frames as give a whole reservoir, and two: at 32 kbit/s; below 32 kHz at 16. */
const settleFramesOf = (samplesPerFrame: number): number => (samplesPerFrame === 1152 ? 12 : 32);
/** LAME's 576 and the decoder's 529. */
const delaySamples = 1_105;
/** A granule is heard until the end of the next one, and 480 samples longer in the filter bank. */
const filterReach = 480;

/**
 * Seams of mp3. The encoder is fed in step with the tracks' own frames, so that its transforms see what theirs saw: the
 * aliasing of the last copied granule and the first new one cancels, and the second generation costs little. `share` of
 * the highest bit rate is used at the most: below 1 it leaves room for a reservoir behind full frames.
 */
export function createMp3Codec(tracks: readonly Mp3Track[], share = 1): SeamCodec {
  const [first] = tracks;
  if (first === undefined) throw new Doubt("there is no input");
  const { sampleRateHz, channels, samplesPerFrame } = first.header;
  const silent = buildSilentMp3Frame(first.word);
  const settleFrames = settleFramesOf(samplesPerFrame);
  const read = (index: number, from: number, to: number): Promise<Buffer[]> => {
    const track = tracks[index];
    if (track === undefined) throw new RangeError(`there is no track ${index}`);
    return withFile(track.path, (readAt) =>
      readMp3Frames(readAt, track, Math.max(0, from), Math.min(to, track.frames)),
    );
  };
  /** Output frames of a span, silence where it is none of a track's. */
  const readSpan = async (span: JoinSpan, from: number, to: number): Promise<Buffer[]> =>
    span.track === null
      ? Array.from({ length: to - from }, () => silent)
      : read(span.track, from - span.frameOffset, to - span.frameOffset);
  const bitRate = chooseBitRate(tracks, share);
  const plan = buildEncoderPlan("mp3", { sampleRateHz, channels, bitRate });
  return {
    grid: { samplesPerFrame, tailSamples: 576 + filterReach, leadSamples: filterReach },
    ...{ sampleRateHz, channels, delaySamples, gainDb: -plan.gainDb },
    decodeInputArgs: ["-f", "mp3"],
    // Without a reservoir of its own a frame can be taken out of the stream.
    encodeOutputArgs: [
      ...[...plan.codecArgs, "-reservoir", "0"],
      ...["-write_xing", "0", "-id3v2_version", "0", "-f", "mp3"],
    ],
    settle: (from) => Math.max(0, from - settleFrames),
    countFrames: (track) => tracks[track]?.frames ?? 0,
    readFrames: read,
    splitFrames(bytes) {
      const frames: Buffer[] = [];
      for (let at = 0; ; ) {
        const header = parseMp3Header(bytes, at);
        if (header === null || at + header.bytes > bytes.length) return frames;
        frames.push(bytes.subarray(at, at + header.bytes));
        at += header.bytes;
      }
    },
    splice: (seam, made) => spliceSeam(seam, made, settleFrames, readSpan),
  };
}

/** Two steps above the tracks' own: a few frames cost little, and are a second generation. */
function chooseBitRate(tracks: readonly Mp3Track[], share: number): number {
  const [first] = tracks;
  const most = Math.max(...tracks.map((track) => track.bitRate));
  const highest = first?.header.samplesPerFrame === 1152 ? 320_000 : 160_000;
  return Math.min(highest * share, most * 1.5);
}

async function spliceSeam(
  seam: Seam,
  made: { readonly at: number; readonly frames: readonly Buffer[] },
  settleFrames: number,
  readSpan: (span: JoinSpan, from: number, to: number) => Promise<Buffer[]>,
): Promise<Splice | null> {
  const [before, after] = [seam.spans[0], seam.spans.at(-1)];
  if (before === undefined || after === undefined) return null;
  const { firstFrame, endFrame } = seam;
  const old = await readSpan(before, firstFrame.least - 1, firstFrame.most);
  const fresh = (frame: number): Buffer | undefined => made.frames[frame - made.at];
  let from = firstFrame.most;
  const joinsAt = (frame: number): boolean => {
    const [left, right] = [old[frame - firstFrame.least], fresh(frame)];
    return left !== undefined && right !== undefined && mayFollow(left, right);
  };
  while (from >= firstFrame.least && !joinsAt(from)) from--;
  if (from < firstFrame.least) return null;

  const begin = Math.max(after.frameOffset, endFrame.least - settleFrames);
  const next = await readSpan(after, begin, endFrame.most + 1);
  for (let to = endFrame.least; to <= endFrame.most; to++) {
    const [left, right] = [fresh(to - 1), next[to - begin]];
    if (left === undefined || right === undefined || !mayFollow(left, right)) continue;
    const reservoir = collectReservoir(next, to - begin);
    if (reservoir === null) continue;
    const frames = packSeam(made.frames, from - made.at, to - made.at, reservoir);
    if (frames !== null) return { from, to, frames };
  }
  return null;
}
