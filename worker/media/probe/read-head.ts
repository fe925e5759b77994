import { open, stat } from "node:fs/promises";
import { MixdownError } from "../../../core/errors.ts";
import { limits } from "../../../core/limits.ts";
import { type Container, detectContainer, detectScript, magicBytes } from "./container.ts";

/** Size and first bytes of a file. @throws MixdownError `input_*` for what is no readable file, `limit_input_size` */
export async function readHead(path: string, name: string): Promise<{ sizeBytes: number; head: Buffer }> {
  const fail = (cause: NodeJS.ErrnoException): never => {
    if (cause.code === "ENOENT" || cause.code === "ENOTDIR") {
      throw new MixdownError("input_not_found", { message: `${name} does not exist. Check the path.`, cause });
    }
    throw new MixdownError("input_unreadable", { message: `${name} cannot be opened (${cause.code}).`, cause });
  };
  // Looked at before it is opened: opening a named pipe would wait for a writer.
  const { size: sizeBytes, ...found } = await stat(path).then(
    (entry) => ({ size: entry.size, isFile: entry.isFile(), isFolder: entry.isDirectory() }),
    fail,
  );
  if (!found.isFile) {
    const what = found.isFolder ? "a folder" : "not a regular file";
    throw new MixdownError("input_unreadable", { message: `${name} is ${what}. Give a file.` });
  }
  if (sizeBytes === 0) throw new MixdownError("input_empty", { message: `${name} is empty (0 bytes).` });
  if (sizeBytes > limits.inputBytes) {
    const gibibytes = (bytes: number) => (bytes / 1024 ** 3).toFixed(1);
    throw new MixdownError("limit_input_size", {
      message: `${name} is ${gibibytes(sizeBytes)} GiB; at most ${gibibytes(limits.inputBytes)} GiB are allowed. Split it first.`,
    });
  }
  const handle = await open(path).catch(fail);
  try {
    const head = Buffer.alloc(Math.min(magicBytes, sizeBytes));
    const { bytesRead } = await handle.read(head, 0, head.length, 0);
    return { sizeBytes, head: head.subarray(0, bytesRead) };
  } finally {
    await handle.close();
  }
}

/** What the first bytes say the file is. @throws MixdownError `input_format_refused`, `input_not_media` */
export function requireContainer(head: Buffer, name: string): Container {
  const container = detectContainer(head);
  if (container !== null) return container;
  const script = detectScript(head);
  if (script !== null) {
    throw new MixdownError("input_format_refused", {
      message: `${name} is ${script}, which points to other files. Give the audio or video file itself.`,
    });
  }
  throw new MixdownError("input_not_media", {
    message: `${name} is not an audio or video file that is known here. Give WAV, FLAC, MP3, M4A, Ogg, MP4, MKV or the like.`,
  });
}
