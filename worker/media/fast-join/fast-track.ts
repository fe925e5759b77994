/** What a fast join knows of an input, whatever its format. */
export interface FastTrack {
  readonly path: string;
  readonly name: string;
  readonly sampleRateHz: number;
  readonly channels: number;
  readonly samplesPerFrame: number;
  /** Equal in tracks that may be joined, besides rate and channels. */
  readonly profile: string;
  readonly frames: number;
  /** The recording among the samples that a decoder gives from frame 0 on. */
  readonly startSample: number;
  readonly endSample: number;
  /** Samples that its header promises and its frames do not hold. */
  readonly missingSamples: number;
  /** Bits a second, on average. */
  readonly bitRate: number;
  readonly hasPicture: boolean;
}
