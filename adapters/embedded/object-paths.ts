import { join } from "node:path";
import { MixdownError } from "../../core/errors.ts";

/** The store's own folders; no key may begin with them. */
export const metaFolder = ".meta";
export const temporaryFolder = ".tmp";

/** Most file systems' limit for one name, in bytes. */
const segmentBytes = 255;
/** Room that a segment must leave for `.json` and the like. */
const suffixBytes = 16;

/**
 * Where an object lies below `root`. A key is a relative path of plain names: nothing that could lead out.
 * @throws MixdownError `usage_invalid`
 */
export function objectPath(root: string, key: string): string {
  const segments = key.split("/");
  const fault =
    key.length > 1_024
      ? "is longer than 1024 characters"
      : /[\p{Cc}\\]/u.test(key)
        ? "has a control character or a backslash"
        : !key.isWellFormed()
          ? "is not well-formed text"
          : segments.some((segment) => segment === "" || segment === "." || segment === "..")
            ? "has an empty, '.' or '..' segment"
            : segments.some((segment) => Buffer.byteLength(segment) > segmentBytes - suffixBytes)
              ? `has a segment of more than ${segmentBytes - suffixBytes} bytes`
              : segments[0] === metaFolder || segments[0] === temporaryFolder
                ? `begins with ${segments[0]}`
                : null;
  if (fault === null) return join(root, ...segments);
  throw new MixdownError("usage_invalid", {
    message: `Key ${JSON.stringify(key.slice(0, 100))} ${fault}; a key is a relative path of plain names.`,
  });
}

const contentTypes: Record<string, string> = {
  aac: "audio/aac",
  dat: "application/octet-stream",
  flac: "audio/flac",
  json: "application/json",
  m4a: "audio/mp4",
  mkv: "video/x-matroska",
  mov: "video/quicktime",
  mp3: "audio/mpeg",
  mp4: "video/mp4",
  ogg: "audio/ogg",
  opus: "audio/ogg",
  wav: "audio/wav",
  webm: "video/webm",
};

/** By extension, for files that were put there by hand. */
export const guessContentType = (key: string): string =>
  contentTypes[key.split(".").at(-1)?.toLowerCase() ?? ""] ?? "application/octet-stream";
