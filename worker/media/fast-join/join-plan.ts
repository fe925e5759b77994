import { Doubt } from "./doubt.ts";

/** What a codec's frames are bound to. Samples are those of one channel. */
export interface FrameGrid {
  readonly samplesPerFrame: number;
  /** How far beyond its own end a frame reaches into the next ones' samples. */
  readonly tailSamples: number;
  /** How far before its own begin the frame before must already know of it. */
  readonly leadSamples: number;
}

/** One input, or silence between two (`track: null`), where it comes to lie among the output's decoded samples. */
export interface JoinSpan {
  readonly track: number | null;
  /** Output frame in which the track's frame 0 comes to lie. */
  readonly frameOffset: number;
  /** What is heard of it: output samples, counted from the first that a decoder gives. */
  readonly from: number;
  readonly to: number;
}

/** Where one span goes over into the next, linearly. */
export interface Blend {
  readonly from: number;
  readonly to: number;
}

/** Frames that are made anew: between the bodies of its first and last span. */
export interface Seam {
  readonly spans: readonly JoinSpan[];
  /** One between each two of them. */
  readonly blends: readonly Blend[];
  /** Output frames: the first that may be new, and the first that must be. */
  readonly firstFrame: { readonly least: number; readonly most: number };
  /** The first that must be copied again at the latest, and may be at the soonest. */
  readonly endFrame: { readonly least: number; readonly most: number };
}

export interface JoinPlan {
  readonly spans: readonly JoinSpan[];
  readonly seams: readonly Seam[];
  /** Silent frames before the first track's own. */
  readonly leadFrames: number;
  readonly totalFrames: number;
  /** The recording among the samples that a decoder gives. */
  readonly startSample: number;
  readonly endSample: number;
  /** Samples that the inputs, gaps and crossfades give. */
  readonly idealSamples: number;
  /** Of each track after the first. */
  readonly overlaps: readonly { readonly samples: number; readonly shortened: boolean }[];
}

export interface TrackLength {
  readonly frames: number;
  readonly startSample: number;
  readonly endSample: number;
}

export interface JoinWishes {
  readonly grid: FrameGrid;
  /** In samples, not rounded. */
  readonly gap: number;
  readonly crossfade: number;
  /** Samples that a header of the output can cut at the least: shorter starts get silent frames before them. */
  readonly leastStart: number;
  /** Frames on each side of a seam among which its ends may be chosen. */
  readonly slackFrames: number;
}

/** Two neighbours that meet at a sample still go over into each other within this: 1.5 ms at 44.1 kHz. */
const leastBlend = 64;

/**
 * Lays the tracks on the grid of the first: each at the frame nearest to the exact sum of all before it, so the errors of
 * half a frame never add up. Throws a `Doubt` when a track is too short to have a frame that can be copied.
 */
export function buildJoinPlan(tracks: readonly TrackLength[], wishes: JoinWishes): JoinPlan {
  const { samplesPerFrame } = wishes.grid;
  const [first] = tracks;
  const last = tracks.at(-1);
  if (first === undefined || last === undefined) throw new Doubt("there is no input");
  const leadFrames = Math.ceil(Math.max(0, wishes.leastStart - first.startSample) / samplesPerFrame);
  const startSample = leadFrames * samplesPerFrame + first.startSample;
  const { places, overlaps, total } = placeTracks(tracks, wishes);
  const laid = tracks.map((track, index): JoinSpan => {
    const zero = startSample + (places[index] ?? 0) - track.startSample;
    const frameOffset = Math.round(zero / samplesPerFrame);
    const at = frameOffset * samplesPerFrame;
    return { track: index, frameOffset, from: at + track.startSample, to: at + track.endSample };
  });
  const spans = wishes.gap > 0 ? addSilence(laid) : laid;
  const end = spans.at(-1);
  return {
    ...{ spans, leadFrames, startSample, overlaps, idealSamples: total },
    seams: buildSeams(spans, wishes),
    totalFrames: (end?.frameOffset ?? 0) + last.frames,
    endSample: end?.to ?? startSample,
  };
}

/** Exact starts of what is heard of each, from the first's, and the length of the whole. */
function placeTracks(tracks: readonly TrackLength[], { gap, crossfade }: JoinWishes) {
  const places: number[] = [];
  const overlaps: { samples: number; shortened: boolean }[] = [];
  let end = 0;
  for (const [index, track] of tracks.entries()) {
    const length = track.endSample - track.startSample;
    const before = tracks[index - 1];
    if (before !== undefined) {
      const half = Math.floor(Math.min(length, before.endSample - before.startSample) / 2);
      const samples = Math.min(crossfade, half);
      overlaps.push({ samples, shortened: samples < crossfade });
      end += gap - samples;
    }
    places.push(end);
    end += length;
  }
  return { places, overlaps, total: end };
}

function addSilence(laid: readonly JoinSpan[]): JoinSpan[] {
  return laid.flatMap((span, index) => {
    const next = laid[index + 1];
    // A gap within the grid's error is filled like any other error.
    if (next === undefined || next.from - span.to < 2 * leastBlend) return [span];
    return [span, { track: null, frameOffset: 0, from: span.to, to: next.from }];
  });
}

function buildSeams(spans: readonly JoinSpan[], { grid, slackFrames }: JoinWishes): Seam[] {
  const { samplesPerFrame, tailSamples, leadSamples } = grid;
  const blends = spans.slice(1).map((span, index) => buildBlend(spans[index] ?? span, span));
  const bodies = spans.map((_, index) => {
    const before = blends[index - 1];
    const after = blends[index];
    const from =
      before === undefined ? Number.NEGATIVE_INFINITY : Math.ceil((before.to + leadSamples) / samplesPerFrame);
    const reach = after === undefined ? (spans[index]?.to ?? 0) : after.from;
    const to = Math.floor((reach - tailSamples) / samplesPerFrame);
    return { from, to, exists: from + 2 * slackFrames < to };
  });
  const seams: Seam[] = [];
  let opened = 0;
  for (const [index, body] of bodies.entries()) {
    if (index === 0 || !body.exists) continue;
    const open = bodies[opened];
    if (open?.exists !== true) break;
    seams.push({
      spans: spans.slice(opened, index + 1),
      blends: blends.slice(opened, index),
      firstFrame: { least: open.to - slackFrames, most: open.to },
      endFrame: { least: body.from, most: body.from + slackFrames },
    });
    opened = index;
  }
  const firstFits = (seams[0]?.firstFrame.least ?? Number.POSITIVE_INFINITY) > (spans[0]?.frameOffset ?? 0);
  if (opened !== spans.length - 1 || !firstFits) throw new Doubt("an input at an end is too short to be copied");
  return seams;
}

/** The overlap of two spans, or what lies between them, but not less than a moment. */
function buildBlend(before: JoinSpan, after: JoinSpan): Blend {
  const width = Math.max(leastBlend, Math.abs(before.to - after.from));
  const from = Math.floor((before.to + after.from - width) / 2);
  return { from, to: from + width };
}

/** What is copied, between the seams: output frames. */
export function findBodies(
  plan: JoinPlan,
  splices: readonly { readonly from: number; readonly to: number }[],
): { span: JoinSpan; from: number; to: number }[] {
  const spans = [plan.spans[0], ...plan.seams.map((seam) => seam.spans.at(-1))];
  return spans.flatMap((span, index) => {
    if (span === undefined) return [];
    const from = splices[index - 1]?.to ?? plan.leadFrames;
    return [{ span, from, to: splices[index]?.from ?? plan.totalFrames }];
  });
}
