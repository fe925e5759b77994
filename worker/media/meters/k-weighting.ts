/**
 * The two filters of ITU-R BS.1770-4 annex 1 (head model, RLB high-pass), derived for any sample rate from the analogue
 * prototypes; at 48 kHz these are the coefficients of its tables 1 and 2. Derivation as in libebur128.
 */
export interface Biquad {
  readonly b0: number;
  readonly b1: number;
  readonly b2: number;
  readonly a1: number;
  readonly a2: number;
}

export function buildKWeighting(sampleRateHz: number): { readonly shelf: Biquad; readonly highPass: Biquad } {
  return { shelf: buildShelf(sampleRateHz), highPass: buildHighPass(sampleRateHz) };
}

function buildShelf(sampleRateHz: number): Biquad {
  const k = Math.tan((Math.PI * 1681.974450955533) / sampleRateHz);
  const q = 0.7071752369554196;
  const vh = 10 ** (3.999843853973347 / 20);
  const vb = vh ** 0.4996667741545416;
  const a0 = 1 + k / q + k * k;
  return {
    b0: (vh + (vb * k) / q + k * k) / a0,
    b1: (2 * (k * k - vh)) / a0,
    b2: (vh - (vb * k) / q + k * k) / a0,
    a1: (2 * (k * k - 1)) / a0,
    a2: (1 - k / q + k * k) / a0,
  };
}

function buildHighPass(sampleRateHz: number): Biquad {
  const k = Math.tan((Math.PI * 38.13547087602444) / sampleRateHz);
  const q = 0.5003270373238773;
  const a0 = 1 + k / q + k * k;
  return { b0: 1, b1: -2, b2: 1, a1: (2 * (k * k - 1)) / a0, a2: (1 - k / q + k * k) / a0 };
}

/**
 * Weight of each channel in the sum (BS.1770-4 table 3): surrounds +1.5 dB, the low-frequency channel none.
 * `layout` is ffmpeg's name; an unknown one weighs all channels alike.
 */
export function buildChannelWeights(channels: number, layout: string | null): readonly number[] {
  const surround = 1.41;
  const known: Readonly<Record<string, readonly number[]>> = {
    "2.1": [1, 1, 0],
    "3.1": [1, 1, 1, 0],
    "4.0": [1, 1, 1, surround],
    quad: [1, 1, surround, surround],
    "quad(side)": [1, 1, surround, surround],
    "5.0": [1, 1, 1, surround, surround],
    "5.0(side)": [1, 1, 1, surround, surround],
    "5.1": [1, 1, 1, 0, surround, surround],
    "5.1(side)": [1, 1, 1, 0, surround, surround],
    "6.1": [1, 1, 1, 0, surround, surround, surround],
    "7.0": [1, 1, 1, surround, surround, surround, surround],
    "7.1": [1, 1, 1, 0, surround, surround, surround, surround],
  };
  const weights = known[layout ?? ""];
  return weights?.length === channels ? weights : Array.from({ length: channels }, () => 1);
}
