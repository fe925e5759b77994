import { MixdownError } from "./errors.ts";

const maxKeyBytes = 1_024;
const maxSegmentBytes = 255;

/**
 * Refuses what cannot be a key in every store alike. Keys are relative paths with forward slashes: at most 1024 bytes
 * (S3), segments of at most 255 (file systems), nothing that a path, a URL or a terminal reads as anything but a name.
 *
 * @throws MixdownError `usage_invalid`
 */
export function checkObjectKey(key: string): void {
  const fault = findKeyFault(key);
  if (fault === null) return;
  throw new MixdownError("usage_invalid", {
    message: `The key ${JSON.stringify(key.slice(0, 80))} ${fault}; a key is a relative path like "raw/talk.wav".`,
  });
}

function findKeyFault(key: string): string | null {
  if (key === "") return "is empty";
  // A lone surrogate has no UTF-8 form: two such keys would become one file.
  if (!key.isWellFormed()) return "is not well-formed Unicode";
  if (/[\p{Cc}\u2028\u2029]/u.test(key)) return "has a control character";
  if (key.includes("\\")) return "has a backslash";
  if (utf8Bytes(key) > maxKeyBytes) return `has more than ${maxKeyBytes} bytes`;
  const segments = key.split("/");
  for (const segment of segments) {
    if (segment === "") return "begins or ends with a slash, or has two in a row";
    if (segment === "." || segment === "..") return `has the segment "${segment}"`;
    if (utf8Bytes(segment) > maxSegmentBytes) return `has a segment of more than ${maxSegmentBytes} bytes`;
  }
  // Where the store on files keeps its own; file systems that ignore case must not mix them up either.
  if (/^\.(meta|tmp)$/i.test(segments[0] ?? "")) return `begins with "${segments[0]}", which belongs to the store`;
  return null;
}

const utf8Bytes = (text: string): number => new TextEncoder().encode(text).length;
