import { resolve } from "node:path";
import type { MediaInfo } from "./media-info.ts";

/**
 * How every run opens a probed file: only as what it was found to be, only from disk. `file:` and an absolute path keep
 * names such as `-x.mp3` and `a:b.wav` from being read as options or protocols. Demuxer options go before these.
 */
export function buildInputArgs(media: Pick<MediaInfo, "path" | "demuxers">): readonly string[] {
  return [...buildGuardArgs(media.demuxers), "-i", `file:${resolve(media.path)}`];
}

export function buildGuardArgs(demuxers: readonly string[]): readonly string[] {
  return ["-protocol_whitelist", "file,pipe", "-format_whitelist", demuxers.join(",")];
}
