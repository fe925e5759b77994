import { Doubt } from "../fast-join/doubt.ts";
import { closeLeft, findJoin } from "../fast-join/join-stretches.ts";

/** How a recording is divided among encoders, in frames of the output. */
export interface StretchPlan {
  readonly lanes: number;
  readonly stretchFrames: number;
}

/** Frames until an encoder is settled on a stretch: its reservoir, its windows, its threshold of hearing. */
const warmFrames = 16;
/** A join lies within so many frames of its place. */
const reachFrames = 8;
/** What an encoder looks ahead, and holds back. */
const aheadFrames = 4;
/** Frames that bytes of a reservoir may lie in: 255 at 8 kbit/s, where a frame has 13. */
const heldFrames = 24;

/** The least stretch: no more than two may overlap. */
export const leastStretchFrames = 2 * (warmFrames + 2 * reachFrames + aheadFrames + heldFrames);

/** Frames that stretch `index` is encoded over, with what it shares with its neighbours. */
export function placeStretch(index: number, stretchFrames: number): { readonly from: number; readonly to: number } {
  return {
    from: index === 0 ? 0 : index * stretchFrames - reachFrames - warmFrames,
    to: (index + 1) * stretchFrames + reachFrames + aheadFrames,
  };
}

/** Encoded stretches, as they come. */
export interface StretchSource {
  /** The next frame of the lane's stream; null at its end. */
  next(lane: number): Promise<Buffer | null>;
  /** Whether the recording ends inside stretch `index`. */
  isLast(index: number): Promise<boolean>;
  /** Stretches before `index` are joined. */
  onJoined(index: number): void;
}

/**
 * One stream out of those of the lanes: stretch i comes from lane i modulo their number. Throws a `Doubt` when two
 * stretches have no frame at which one may go over into the other.
 */
export async function* joinStretches(
  source: StretchSource,
  { lanes, stretchFrames }: StretchPlan,
): AsyncGenerator<readonly Buffer[]> {
  /** Frames of each lane that were taken. */
  const taken = new Array<number>(lanes).fill(0);
  const given = new Array<number>(lanes).fill(0);
  const take = async (lane: number): Promise<Buffer | null> => {
    taken[lane] = (taken[lane] ?? 0) + 1;
    return source.next(lane);
  };
  let held: { readonly at: number; readonly frames: Buffer[] } = { at: 0, frames: [] };
  for (let index = 0; ; index++) {
    source.onJoined(index);
    const lane = index % lanes;
    const { from, to } = placeStretch(index, stretchFrames);
    // What the encoder held back of its stretch before.
    while ((taken[lane] ?? 0) < (given[lane] ?? 0)) await take(lane);
    given[lane] = (given[lane] ?? 0) + to - from;
    const begin = index * stretchFrames;
    let at = from;
    if (index > 0) {
      const right = { at: from, frames: [] as Buffer[] };
      for (; at < begin + reachFrames; at++) right.frames.push(await requireFrame(take(lane)));
      const join = findJoin(held, right, begin - reachFrames, begin + reachFrames);
      if (join === null) throw new Doubt("has stretches that do not fit");
      yield closeLeft(held, right, join);
      yield right.frames.slice(join.frame - from);
    }
    for (; at < begin + stretchFrames - reachFrames - heldFrames; at++) {
      const frame = await take(lane);
      if (frame === null) return;
      yield [frame];
    }
    held = { at, frames: [] };
    for (; at < begin + stretchFrames + reachFrames; at++) {
      const frame = await take(lane);
      if (frame === null) break;
      held.frames.push(frame);
    }
    if (await source.isLast(index)) {
      yield held.frames;
      for (let frame = await take(lane); frame !== null; frame = await take(lane)) yield [frame];
      return;
    }
  }
}

async function requireFrame(frame: Promise<Buffer | null>): Promise<Buffer> {
  const found = await frame;
  if (found === null) throw new RangeError("an encoder ended before its stretch did");
  return found;
}
