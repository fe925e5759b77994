import { type FileHandle, open } from "node:fs/promises";
import { dirname } from "node:path";
import { startFfmpeg } from "../../process/run-ffmpeg.ts";
import { buildFloatInput } from "../pcm/float-args.ts";
import type { EncodeRequest } from "./encode.ts";
import { buildEncodeArgs } from "./encode-args.ts";

/** A WAV file whose samples are written by ourselves. */
export interface WavFile {
  readonly path: string;
  /** Where the samples begin, bytes. */
  readonly dataAt: number;
  /** Where the number of frames stands, in files of other samples than integers. */
  readonly factAt: number | null;
  /** The command line that writes the whole file, given its samples as f32le. */
  readonly argv: readonly string[];
}

/** Most of what may stand before the samples: tags may be long. */
const mostHeaderBytes = 1 << 20;

/** Has ffmpeg write the file without a sample: its format, and all that belongs beside it. */
export async function startWav(
  request: Pick<EncodeRequest, "toolchain" | "plan" | "outPath" | "signal" | "extraInputArgs" | "extraOutputArgs">,
): Promise<WavFile> {
  const { toolchain, plan, outPath, signal } = request;
  const source = { ...plan, inputArgs: buildFloatInput(plan, "pipe:0") };
  const args = buildEncodeArgs({ ...request, source, decodeAfterwards: true });
  const encoder = startFfmpeg(toolchain, args, { signal, stdin: "pipe", cwd: dirname(outPath) });
  encoder.stdout.resume();
  encoder.stdin?.end();
  const { argv } = await encoder.done;
  const file = await open(outPath, "r");
  try {
    const head = Buffer.alloc(mostHeaderBytes);
    const { bytesRead } = await file.read(head, 0, head.length, 0);
    return { path: outPath, argv, ...findChunks(head.subarray(0, bytesRead)) };
  } finally {
    await file.close();
  }
}

function findChunks(head: Buffer): Pick<WavFile, "dataAt" | "factAt"> {
  let factAt: number | null = null;
  for (let at = 12; at + 8 <= head.length; ) {
    const name = head.toString("latin1", at, at + 4);
    if (name === "data") return { dataAt: at + 8, factAt };
    if (name === "fact") factAt = at + 8;
    const size = head.readUInt32LE(at + 4);
    at += 8 + size + (size % 2);
  }
  throw new RangeError("ffmpeg wrote a WAV file without a place for its samples");
}

/** Writes the lengths; RF64 (EBU Tech 3306) where 4 GiB are passed, in the room that ffmpeg left for it. */
export async function finishWav(
  { path, dataAt, factAt }: WavFile,
  { frames, dataBytes }: { readonly frames: number; readonly dataBytes: number },
): Promise<void> {
  const file = await open(path, "r+");
  try {
    const padded = dataAt + dataBytes + (dataBytes % 2);
    await file.truncate(padded);
    const riffBytes = padded - 8;
    if (factAt !== null) await writeNumber(file, factAt, Math.min(frames, 0xffff_ffff));
    if (riffBytes <= 0xffff_ffff) {
      await writeNumber(file, 4, riffBytes);
      await writeNumber(file, dataAt - 4, dataBytes);
      return;
    }
    const lengths = Buffer.alloc(36);
    lengths.write("ds64", 0, "latin1");
    lengths.writeUInt32LE(28, 4);
    for (const [index, value] of [riffBytes, dataBytes, frames].entries()) {
      lengths.writeBigUInt64LE(BigInt(value), 8 + 8 * index);
    }
    await file.write(lengths, 0, lengths.length, 12);
    await file.write("RF64", 0, "latin1");
    await writeNumber(file, 4, 0xffff_ffff);
    await writeNumber(file, dataAt - 4, 0xffff_ffff);
  } finally {
    await file.close();
  }
}

async function writeNumber(file: FileHandle, at: number, value: number): Promise<void> {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  await file.write(bytes, 0, 4, at);
}
