/** What the head of an mp3 says: its length by the LAME tag, or where to look for it, behind a large ID3 tag. */
export type LameTag =
  | {
      readonly kind: "lame";
      readonly samples: number;
      /** First sample of the recording among those that a decoder gives from the first frame of sound on. */
      readonly startSample: number;
      /** Frames of sound that the tag counts. */
      readonly frames: number;
    }
  | { readonly kind: "further"; readonly offset: number };

/** Samples by which every mp3 decoder is late (LAME Technical FAQ: 528, and one more). */
const decoderDelay = 529;

/**
 * Reads the Xing/Info frame with LAME's extension (delay and padding, 12 bits each) at the head of an mp3. Null without
 * one, or when another encoder than those that ffmpeg trusts wrote it (libavformat/mp3dec.c: LAME, Lavf, Lavc).
 */
export function parseLameTag(head: Buffer): LameTag | null {
  let at = 0;
  while (head.toString("latin1", at, at + 3) === "ID3" && at + 10 <= head.length) {
    // The size is in four bytes of seven bits; a footer repeats the header.
    const size = [6, 7, 8, 9].reduce((sum, byte) => sum * 128 + ((head[at + byte] ?? 0) & 0x7f), 0);
    at += 10 + size + (((head[at + 5] ?? 0) & 0x10) !== 0 ? 10 : 0);
  }
  if (at > 0 && at + 512 > head.length) return { kind: "further", offset: at };
  while (at < head.length && head[at] === 0) at++;
  const header = at + 4 <= head.length ? head.readUInt32BE(at) : 0;
  const layerThree = ((header >>> 17) & 3) === 1;
  if (header >>> 21 !== 0x7ff || !layerThree) return null;
  const mpeg1 = ((header >>> 19) & 3) === 3;
  const mono = ((header >>> 6) & 3) === 3;
  // Behind the side information, whose size depends on version and channels.
  const tag = at + 4 + (mpeg1 ? (mono ? 17 : 32) : mono ? 9 : 17);
  if (!["Xing", "Info"].includes(head.toString("latin1", tag, tag + 4)) || tag + 160 > head.length) return null;
  const flags = head.readUInt32BE(tag + 4);
  if ((flags & 1) === 0) return null;
  const frames = head.readUInt32BE(tag + 8);
  const lame = tag + 12 + (flags & 2 ? 4 : 0) + (flags & 4 ? 100 : 0) + (flags & 8 ? 4 : 0);
  if (!["LAME", "Lavf", "Lavc"].includes(head.toString("latin1", lame, lame + 4))) return null;
  const both = head.readUIntBE(lame + 21, 3);
  const [delay, padding] = [both >>> 12, both & 0xfff];
  // Padding shorter than the decoder's delay leaves samples inside the decoder that no frame pushes out.
  const samples = frames * (mpeg1 ? 1152 : 576) - delay - decoderDelay - Math.max(0, padding - decoderDelay);
  return samples > 0 ? { kind: "lame", samples, startSample: delay + decoderDelay, frames } : null;
}
