import type { SpeechSpan } from "./speech-detect.ts";

/** Times of a duck, seconds. */
export const duckTimes = {
  /** The music is down this long before the first sound of speech. */
  lookAhead: 0.05,
  /**
   * Pauses up to this long are bridged: in a shorter one the music would pump. A second, and what a faint last sound and
   * a soft first one add to a pause when it is told by level.
   */
  hold: 1.1,
  /** From one level to the other; half a cosine on the decibel scale, so that no corner is heard. */
  fade: 0.5,
  /** The music stays down after speech: its last sounds are faint. */
  tail: 0.15,
} as const;

/** One duck in frames: down from `fallFrame` to `lowFrame`, up again from `riseFrame` to `endFrame`. */
export interface Duck {
  readonly fallFrame: number;
  readonly lowFrame: number;
  readonly riseFrame: number;
  readonly endFrame: number;
}

/** The gain of the music over time, as breakpoints: an hour of speech has some hundred. */
export interface DuckEnvelope {
  readonly ducks: readonly Duck[];
  readonly fadeFrames: number;
  readonly duckDb: number;
}

/** Bridges the pauses in which the music stays down. `spans` are in order and apart. */
export function bridgePauses(spans: readonly SpeechSpan[]): readonly SpeechSpan[] {
  const bridged: SpeechSpan[] = [];
  for (const span of spans) {
    const last = bridged.at(-1);
    // Sums of seconds are not exact.
    if (last !== undefined && span.startSeconds - last.endSeconds <= duckTimes.hold + 1e-6) {
      bridged[bridged.length - 1] = { ...last, endSeconds: Math.max(last.endSeconds, span.endSeconds) };
    } else bridged.push(span);
  }
  return bridged;
}

/** @param spans speech with its pauses bridged, in seconds of the output */
export function buildDuckEnvelope(spans: readonly SpeechSpan[], duckDb: number, sampleRateHz: number): DuckEnvelope {
  const toFrames = (seconds: number): number => Math.round(seconds * sampleRateHz);
  const fadeFrames = Math.max(1, toFrames(duckTimes.fade));
  const ducks = spans.map(({ startSeconds, endSeconds }) => {
    const lowFrame = toFrames(startSeconds - duckTimes.lookAhead);
    const riseFrame = toFrames(endSeconds + duckTimes.tail);
    return { fallFrame: lowFrame - fadeFrames, lowFrame, riseFrame, endFrame: riseFrame + fadeFrames };
  });
  return { ducks: duckDb === 0 ? [] : ducks, fadeFrames, duckDb };
}

/** Gives the envelope as linear gains, stretch by stretch from its beginning. */
export interface DuckGains {
  /** Fills `gains` with those of the frames from `startFrame` on, which never goes back. */
  fill(gains: Float32Array, startFrame: number): void;
}

export function createDuckGains({ ducks, fadeFrames, duckDb }: DuckEnvelope): DuckGains {
  const low = 10 ** (-duckDb / 20);
  /** From 1 down to `low`. */
  const fade = Float32Array.from({ length: fadeFrames + 1 }, (_, frame) => {
    const part = 0.5 - 0.5 * Math.cos((Math.PI * frame) / fadeFrames);
    return 10 ** ((-duckDb * part) / 20);
  });
  let first = 0;
  return {
    fill(gains, startFrame) {
      gains.fill(1);
      const stop = startFrame + gains.length;
      while ((ducks[first]?.endFrame ?? Number.POSITIVE_INFINITY) <= startFrame) first++;
      for (let index = first; index < ducks.length; index++) {
        const { fallFrame, lowFrame, riseFrame, endFrame } = ducks[index] as Duck;
        if (fallFrame >= stop) break;
        // Where one rises and the next falls already, the lower of both holds.
        for (let frame = Math.max(fallFrame, startFrame); frame < Math.min(lowFrame, stop); frame++) {
          const at = frame - startFrame;
          gains[at] = Math.min(gains[at] ?? 1, fade[frame - fallFrame] ?? 1);
        }
        gains.fill(low, clamp(lowFrame - startFrame, gains.length), clamp(riseFrame - startFrame, gains.length));
        for (let frame = Math.max(riseFrame, startFrame); frame < Math.min(endFrame, stop); frame++) {
          const at = frame - startFrame;
          gains[at] = Math.min(gains[at] ?? 1, fade[endFrame - frame] ?? 1);
        }
      }
    },
  };
}

const clamp = (at: number, length: number): number => Math.min(length, Math.max(0, at));
