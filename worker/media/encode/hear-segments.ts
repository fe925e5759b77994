import { rm } from "node:fs/promises";
import { mapBounded } from "../../process/map-bounded.ts";
import { runInOrder, type ThreadPool } from "../../process/thread-pool.ts";
import { keepSingle } from "../meters/find-overs.ts";
import { createLoudnessFold } from "../meters/loudness-part.ts";
import { defaultLayout } from "../pcm/pcm-decode-args.ts";
import { clipSegment, type Segment } from "../pcm/pcm-file.ts";
import { buildPieceArgs, followPieces } from "../pcm/pcm-pieces.ts";
import { openMp3Parts } from "./decode-mp3-parts.ts";
import type { Decoded, Measure, MeasureRequest } from "./encode.ts";
import { isBareMp3 } from "./encoder-plan.ts";
import type { HeardPart, HearSetting, HearTask } from "./hear-segment.ts";

export interface Hearing {
  readonly pool: ThreadPool;
  /** What is decoded waits there for the threads. */
  readonly scratchDir: string;
  /** Frames of one pair of peaks for a picture; null: none are wanted. */
  readonly samplesPerPixel: number | null;
  /** Whether the level of pauses is wanted. */
  readonly withPauses: boolean;
  /** What each segment adds, in their order. */
  onPart(part: Pick<HeardPart, "pauses" | "peaks">): void;
}

/** So short that little is heard again for one repaired peak. */
const usualSeconds = 15;
/** What the meter's filters need to forget how they began, and what peaks need on either side. */
const besideSeconds = 0.25;

/** Listens to an encoded file by several threads while it is decoded. */
export function hearInSegments(hearing: Hearing): Measure {
  let runs = 0;
  return async (start, request, skipFrames) => {
    const { plan, expectedFrames = Number.POSITIVE_INFINITY } = request;
    // What a run that failed has left is none of the next one's.
    const prefix = `${hearing.scratchDir}/heard-${runs++}`;
    const decoder = start(buildPieceArgs(prefix));
    decoder.stdout.resume();
    const pieces = followPieces(decoder, prefix, plan);
    const waitFor = async (frames: number): Promise<number> =>
      Math.min(expectedFrames, (await pieces.waitFor(frames + skipFrames)) - skipFrames);
    async function* cut(): AsyncGenerator<HearTask> {
      for await (const segment of cutSegments(hearing, plan, waitFor)) {
        const cover = pieces.cover(segment.readFrom + skipFrames, segment.readTo + skipFrames);
        yield { kind: "hear", ...chooseHearing(hearing, request, segment), pieces: cover, skipFrames };
      }
    }
    const parts: HeardPart[] = [];
    const segments: Segment[] = [];
    await runInOrder<HeardPart, HearTask>(hearing.pool, cut(), async (part, { segment }) => {
      hearing.onPart(part);
      segments.push(segment);
      parts.push({ ...part, peaks: null, pauses: null });
      await pieces.dropBefore(placeSegment(hearing, plan, parts.length).readFrom + skipFrames);
    });
    await decoder.done;
    await pieces.dropBefore(Number.POSITIVE_INFINITY);
    return fold({ hearing, request, segments, parts });
  };
}

/** The segments that a file is heard in, and what is read beside each. */
export function placeSegment(
  { samplesPerPixel }: Pick<Hearing, "samplesPerPixel">,
  { sampleRateHz }: { readonly sampleRateHz: number },
  index: number,
): Segment {
  const pixel = samplesPerPixel ?? 1;
  // Peaks of neighbours share no pixel.
  const length = pixel * Math.round((usualSeconds * sampleRateHz) / pixel);
  const beside = Math.round(besideSeconds * sampleRateHz);
  const [from, to] = [index * length, (index + 1) * length];
  return { from, to, readFrom: Math.max(0, from - beside), readTo: to + beside };
}

/** Those of a recording that is still coming; `waitFor` gives what is there, once it is so much or all. */
export async function* cutSegments(
  hearing: Pick<Hearing, "samplesPerPixel">,
  format: { readonly sampleRateHz: number },
  waitFor: (frames: number) => number | Promise<number>,
): AsyncGenerator<Segment> {
  for (let index = 0; ; index++) {
    const place = placeSegment(hearing, format, index);
    const there = await waitFor(place.readTo);
    if (there <= place.from) return;
    yield clipSegment(place, there);
  }
}

/** Without what others need beside it. */
export function narrow({ from, to, readFrom, readTo }: Segment, sampleRateHz: number): Segment {
  const beside = Math.round(besideSeconds * sampleRateHz);
  return { from, to, readFrom: Math.max(readFrom, from - beside), readTo: Math.min(readTo, to + beside) };
}

/** How a segment of the request's file is listened to. */
export function chooseHearing(
  { samplesPerPixel, withPauses }: Pick<Hearing, "samplesPerPixel" | "withPauses">,
  request: Pick<MeasureRequest, "plan" | "muxer" | "ceilingDbtp">,
  segment: Segment,
): HearSetting {
  const { plan, ceilingDbtp } = request;
  const { sampleRateHz, channels } = plan;
  return {
    ...{ segment, withPauses },
    format: { sampleRateHz, channels, channelLayout: defaultLayout(channels) },
    ceiling: ceilingDbtp === undefined || !isBareMp3(request) ? null : 10 ** (ceilingDbtp / 20),
    peaks: samplesPerPixel === null ? null : { sampleRateHz, channels, samplesPerPixel, bits: 8 },
  };
}

interface Heard {
  readonly hearing: Hearing;
  readonly request: MeasureRequest;
  readonly segments: readonly Segment[];
  readonly parts: readonly HeardPart[];
}

/** What the parts of a recording of so many frames say of the whole. */
export function foldParts(sampleRateHz: number, parts: readonly HeardPart[], frames: number) {
  const whole = createLoudnessFold(sampleRateHz);
  for (const { loudness } of parts) whole.add(loudness);
  return { reading: whole.finish(frames), overs: parts.flatMap((part) => part.overs) };
}

function fold(heard: Heard): Decoded {
  const { request, segments, parts } = heard;
  const { sampleRateHz } = request.plan;
  const { reading, overs } = foldParts(sampleRateHz, parts, segments.at(-1)?.to ?? 0);
  return {
    reading,
    overs: isBareMp3(request) ? keepSingle(overs, reading.frames / sampleRateHz) : null,
    again: isBareMp3(request) ? (frames) => hearAgain(heard, frames) : undefined,
  };
}

/** What a change at one frame may change in what is decoded, frames on either side: three granules of two transforms. */
const reachFrames = 6 * 576;
/** Where more is touched than this part, all of it is decoded again. */
const mostTouched = 0.3;

/** Listens once more to the segments of the finished file that those frames lie in or beside. */
async function hearAgain(heard: Heard, frames: readonly number[]): Promise<Decoded | null> {
  const { hearing, request, segments } = heard;
  const isTouched = ({ readFrom, readTo }: Segment): boolean =>
    frames.some((frame) => frame >= readFrom - reachFrames && frame < readTo + reachFrames);
  const touched = [...segments.keys()].filter((index) => isTouched(segments[index] as Segment));
  if (touched.length > mostTouched * segments.length) return null;
  const decode = await openMp3Parts(request);
  if (decode === null) return null;
  const { pool, scratchDir } = hearing;
  const parts = [...heard.parts];
  const share = Math.ceil(touched.length / pool.size);
  const hearShare = async (first: number): Promise<boolean> => {
    const own = touched.slice(first, first + share);
    const path = `${scratchDir}/again-${first}.f32`;
    const place = own.map((index) => segments[index] as Segment);
    const pieces = await decode(place, path);
    if (pieces === null) return false;
    for (const [at, index] of own.entries()) {
      const task: HearTask = {
        kind: "hear",
        ...chooseHearing({ samplesPerPixel: null, withPauses: false }, request, place[at] as Segment),
        ...{ pieces: pieces.slice(at, at + 1), skipFrames: request.plan.delayFrames },
      };
      parts[index] = await pool.run<HeardPart>(task);
    }
    await rm(path);
    return true;
  };
  const shares = Array.from({ length: Math.ceil(touched.length / share) }, (_, at) => at * share);
  const heardAll = await mapBounded(shares, pool.size, hearShare);
  if (heardAll.includes(false)) return null;
  return fold({ ...heard, parts });
}
