import { Doubt } from "./doubt.ts";

/** What an AudioSpecificConfig tells (ISO/IEC 14496-3, 1.6.2.1). */
export interface AacConfig {
  readonly sampleRateHz: number;
  readonly rateIndex: number;
  readonly channels: 1 | 2;
  /** As it is; two tracks are of one kind when theirs are equal. */
  readonly bytes: Buffer;
}

const rates = [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350];

/** At or below this rate AAC may hold band replication that nothing announces; its frames then give 2,048 samples. */
const highestHidden = 24_000;

/** Reads it out of a sample description box. Anything but AAC LC, mono or stereo, in frames of 1,024 is a `Doubt`. */
export function parseAacConfig(stsd: Buffer): AacConfig {
  if (stsd.readUInt32BE(4) !== 1 || stsd.toString("latin1", 12, 16) !== "mp4a") throw new Doubt("is not plain AAC");
  const bytes = findSpecificConfig(stsd);
  const word = (bytes[0] ?? 0) * 256 + (bytes[1] ?? 0);
  const rateIndex = (word >> 7) & 15;
  const channels = (word >> 3) & 15;
  const sampleRateHz = rates[rateIndex] ?? 0;
  // The last three bits: frames of 960, a core coder, an extension.
  if (word >> 11 !== 2 || sampleRateHz <= highestHidden || (word & 7) !== 0) throw new Doubt("is not plain AAC LC");
  if (channels !== 1 && channels !== 2) throw new Doubt("has more channels than two");
  return { sampleRateHz, rateIndex, channels, bytes };
}

/** Descends esds: ES_Descriptor (3), DecoderConfigDescriptor (4), DecoderSpecificInfo (5); ISO/IEC 14496-1, 7.2.6. */
function findSpecificConfig(stsd: Buffer): Buffer {
  const esds = stsd.indexOf("esds");
  if (esds < 0) throw new Doubt("has no decoder configuration");
  let at = esds + 8;
  const enter = (tag: number): number => {
    if (stsd[at] !== tag) throw new Doubt("has an unusual decoder configuration");
    at++;
    let size = 0;
    for (let more = true; more; at++) {
      const byte = stsd.readUInt8(at);
      size = size * 128 + (byte & 0x7f);
      more = byte >= 0x80;
    }
    return size;
  };
  enter(3);
  // Id and flags: none of the optional parts.
  if (((stsd[at + 2] ?? 0) & 0xe0) !== 0) throw new Doubt("has an unusual decoder configuration");
  at += 3;
  enter(4);
  // MPEG-4 audio.
  if (stsd[at] !== 0x40) throw new Doubt("is not AAC");
  at += 13;
  const size = enter(5);
  if (size < 2 || at + size > stsd.length) throw new Doubt("has an unusual decoder configuration");
  return stsd.subarray(at, at + size);
}
