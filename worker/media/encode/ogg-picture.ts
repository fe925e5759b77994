import { limits } from "../../../core/limits.ts";
import { startFfmpeg } from "../../process/run-ffmpeg.ts";
import { buildInputArgs } from "../probe/input-args.ts";
import type { MediaInfo, VideoStream } from "../probe/media-info.ts";
import type { Toolchain } from "../toolchain/toolchain.ts";

/** The bytes of a cover, as they lie in the file. Null when they are more than `limits.processStdoutBytes`. */
export async function readPicture(
  toolchain: Toolchain,
  media: MediaInfo,
  picture: VideoStream,
  signal: AbortSignal,
): Promise<Buffer | null> {
  const copy = ["-map", `0:${picture.index}`, "-c", "copy", "-frames:v", "1", "-f", "image2pipe", "pipe:1"];
  const child = startFfmpeg(toolchain, [...buildInputArgs(media), ...copy], { signal });
  const chunks: Buffer[] = [];
  let bytes = 0;
  child.stdout.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes <= limits.processStdoutBytes) chunks.push(chunk);
  });
  await child.done;
  return bytes <= limits.processStdoutBytes ? Buffer.concat(chunks) : null;
}

/**
 * An ffmetadata file with the cover as Ogg keeps it: FLAC's picture block (RFC 9639, 8.8) in base64, among the comments.
 * ffmpeg's muxer does not make one of an attached picture.
 */
export function buildOggPictureFile(picture: Pick<VideoStream, "codec" | "width" | "height">, bytes: Buffer): string {
  const mime = Buffer.from(picture.codec === "png" ? "image/png" : "image/jpeg");
  const frontCover = 3;
  const bitsPerPixel = 24;
  const block = Buffer.concat([
    ...[toInteger(frontCover), toInteger(mime.length), mime, toInteger(0)],
    ...[toInteger(picture.width), toInteger(picture.height), toInteger(bitsPerPixel), toInteger(0)],
    ...[toInteger(bytes.length), bytes],
  ]);
  // Of base64 only the padding means something to ffmetadata.
  return `;FFMETADATA1\nMETADATA_BLOCK_PICTURE=${block.toString("base64").replaceAll("=", "\\=")}\n`;
}

function toInteger(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
