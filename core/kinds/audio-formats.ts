import { z } from "zod";

/** Output formats of the audio kinds: the extension that is asked for, in the container and codec people expect. */
export const audioFormats = {
  wav: { contentType: "audio/wav", lossless: true },
  flac: { contentType: "audio/flac", lossless: true },
  mp3: { contentType: "audio/mpeg", lossless: false },
  m4a: { contentType: "audio/mp4", lossless: false },
  opus: { contentType: "audio/ogg", lossless: false },
} as const;

export type AudioFormat = keyof typeof audioFormats;

export const audioFormatNames = Object.keys(audioFormats) as [AudioFormat, ...AudioFormat[]];

export const audioFormatSchema = z.enum(audioFormatNames);
