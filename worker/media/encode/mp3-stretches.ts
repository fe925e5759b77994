import { Doubt } from "../fast-join/doubt.ts";
import { closeLeft, findJoin } from "../fast-join/join-stretches.ts";

/** How a recording is divided among encoders, in frames of the output. */
export interface StretchPlan {
  /** Encoders that run side by side. */
  readonly lanes: number;
  readonly stretchFrames: number;
}

/** Frames until an encoder is settled on a stretch: its reservoir, its windows, its threshold of hearing. */
const warmFrames = 28;
/** A join lies within so many frames of its place. */
const reachFrames = 8;
/** What an encoder looks ahead. */
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

/** What an encoder made of a stretch, as it comes. */
export interface EncodedStretch {
  /** Whether the recording ends in it. */
  readonly isLast: boolean;
  /** The next frames, at least one and at most so many; none at its end. */
  take(most: number): Promise<readonly Buffer[]>;
}

export interface StretchSource {
  /** Waits for its beginning; null behind the last. */
  open(index: number): Promise<EncodedStretch | null>;
  /** Stretches before `index` are joined. */
  onJoined(index: number): Promise<void>;
}

/** One stream out of those of the stretches. Throws a `Doubt` when two have no frame at which one may go over into the other. */
export async function* joinStretches(source: StretchSource, stretchFrames: number): AsyncGenerator<readonly Buffer[]> {
  let held: { readonly at: number; readonly frames: Buffer[] } = { at: 0, frames: [] };
  for (let index = 0; ; index++) {
    const stretch = await source.open(index);
    if (stretch === null) {
      yield held.frames;
      return;
    }
    const { from } = placeStretch(index, stretchFrames);
    const begin = index * stretchFrames;
    let at = from;
    if (index > 0) {
      const right = { at: from, frames: await takeFrames(stretch, begin + reachFrames - from) };
      const join = findJoin(held, right, begin - reachFrames, begin + reachFrames);
      if (join === null) throw new Doubt("has stretches that do not fit");
      yield closeLeft(held, right, join);
      yield right.frames.slice(join.frame - from);
      at += right.frames.length;
      await source.onJoined(index);
    }
    for (const end = begin + stretchFrames - reachFrames - heldFrames; at < end; ) {
      const frames = await stretch.take(end - at);
      if (frames.length === 0) return;
      yield frames;
      at += frames.length;
    }
    held = { at, frames: await takeFrames(stretch, begin + stretchFrames + reachFrames - at) };
    if (!stretch.isLast) continue;
    yield held.frames;
    for (;;) {
      const frames = await stretch.take(Number.POSITIVE_INFINITY);
      if (frames.length === 0) return;
      yield frames;
    }
  }
}

/** So many frames, or as many as there are. */
async function takeFrames(stretch: EncodedStretch, count: number): Promise<Buffer[]> {
  const taken: Buffer[] = [];
  while (taken.length < count) {
    const frames = await stretch.take(count - taken.length);
    if (frames.length === 0) break;
    taken.push(...frames);
  }
  return taken;
}
