import { z } from "zod";
import { MixdownError } from "../../../core/errors.ts";
import type { Peaks } from "./peaks.ts";

const flag8Bit = 1;
const headerBytes = 24;

/** Values of a piece of a document: hours of peaks are not held a second time as text. */
const pieceValues = 65_536;

/** The JSON document of audiowaveform's data format version 2 (bbc/audiowaveform, doc/DataFormat.md), in pieces. */
export function* buildPeaksJson(peaks: Peaks): Generator<string> {
  const head = {
    version: 2,
    channels: 1,
    sample_rate: peaks.sampleRateHz,
    samples_per_pixel: peaks.samplesPerPixel,
    bits: peaks.bits,
    length: peaks.length,
  };
  yield `${JSON.stringify(head).slice(0, -1)},"data":[`;
  for (let at = 0; at < peaks.data.length; at += pieceValues) {
    yield `${at > 0 ? "," : ""}${peaks.data.subarray(at, at + pieceValues).join(",")}`;
  }
  yield "]}\n";
}

/** The binary form of the same (`.dat`), in pieces: a header of 24 bytes and the pairs, all little-endian. */
export function* buildPeaksDat(peaks: Peaks): Generator<Uint8Array> {
  const view = new DataView(new ArrayBuffer(headerBytes));
  view.setInt32(0, 2, true);
  view.setUint32(4, peaks.bits === 8 ? flag8Bit : 0, true);
  view.setInt32(8, peaks.sampleRateHz, true);
  view.setInt32(12, peaks.samplesPerPixel, true);
  view.setUint32(16, peaks.length, true);
  view.setInt32(20, 1, true);
  yield new Uint8Array(view.buffer);
  for (let at = 0; at < peaks.data.length; at += pieceValues) {
    const values = peaks.data.subarray(at, at + pieceValues);
    // As they lie there: like all that is read here, on little-endian machines.
    yield new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  }
}

const peaksDocument = z.object({
  version: z.literal(2),
  channels: z.literal(1),
  sample_rate: z.number().int().positive(),
  samples_per_pixel: z.number().int().min(2),
  bits: z.union([z.literal(8), z.literal(16)]),
  length: z.number().int().nonnegative(),
  data: z.array(z.number().int()),
});

/**
 * Reads what `buildPeaksJson` writes: version 2, one channel.
 * @throws MixdownError `usage_invalid` when the text is not such a document.
 */
export function parsePeaksJson(text: string): Peaks {
  const parsed = peaksDocument.safeParse(readJson(text));
  if (!parsed.success || parsed.data.data.length !== parsed.data.length * 2) {
    const message = "This is not a peaks document of audiowaveform's version 2 with one channel; make it with `peaks`.";
    throw new MixdownError("usage_invalid", { message });
  }
  const { sample_rate: sampleRateHz, samples_per_pixel: samplesPerPixel, bits, length, data } = parsed.data;
  const values = bits === 8 ? Int8Array.from(data) : Int16Array.from(data);
  return { sampleRateHz, samplesPerPixel, bits, length, data: values };
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
