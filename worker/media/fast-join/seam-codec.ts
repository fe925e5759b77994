import type { FrameGrid, Seam } from "./join-plan.ts";

/** A seam's new frames: from output frame `from` to before `to`. */
export interface Splice {
  readonly from: number;
  readonly to: number;
  readonly frames: readonly Buffer[];
}

/** One codec's part in a fast join. Frames are those of an elementary stream that can be decoded as it is. */
export interface SeamCodec {
  readonly grid: FrameGrid;
  readonly sampleRateHz: number;
  readonly channels: number;
  /** Samples by which a decoder gives later what an encoder was given. */
  readonly delaySamples: number;
  /** Gain that undoes what the encoder does to the level, dB. */
  readonly gainDb: number;
  readonly decodeInputArgs: readonly string[];
  readonly encodeOutputArgs: readonly string[];
  /** The first frame that must be decoded so that frame `from` of a track comes out right. */
  settle(from: number): number;
  /** How many frames a track has. */
  countFrames(track: number): number;
  /** Frames `from` to before `to` of a track, as its decoder takes them. */
  readFrames(track: number, from: number, to: number): Promise<readonly Buffer[]>;
  /** Frames of the encoder's stream from `bytes`' begin on that are whole. */
  splitFrames(bytes: Buffer): Buffer[];
  /** The new frames of a seam out of those the encoder made, of which the first belongs at `at`; null: none fit. */
  splice(seam: Seam, made: { readonly at: number; readonly frames: readonly Buffer[] }): Promise<Splice | null>;
}
