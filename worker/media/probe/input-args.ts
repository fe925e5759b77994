import { resolve } from "node:path";
import { limits } from "../../../core/limits.ts";
import type { MediaInfo } from "./media-info.ts";

/**
 * How every run opens a probed file: only as what it was found to be, only from disk. `file:` and an absolute path keep
 * names such as `-x.mp3` and `a:b.wav` from being read as options or protocols. Demuxer options go before these.
 */
export function buildInputArgs(media: Pick<MediaInfo, "path" | "demuxers">): readonly string[] {
  return [...buildGuardArgs(media.demuxers), "-i", `file:${resolve(media.path)}`];
}

/** Room for the rows by which codecs pad a picture of the largest size that is allowed. */
const decodedPixels = Math.round(1.25 * limits.pixels);

export function buildGuardArgs(demuxers: readonly string[]): readonly string[] {
  return [
    ...["-protocol_whitelist", "file,pipe", "-format_whitelist", demuxers.join(",")],
    // Headers are read by decoding: a cover of 250 kB that claims 15000 × 15000 took 1.8 GB.
    ...["-max_pixels", String(decodedPixels)],
  ];
}
