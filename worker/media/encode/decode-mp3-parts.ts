import { stat } from "node:fs/promises";
import type { Writable } from "node:stream";
import { drained } from "../../process/drained.ts";
import { startFfmpeg } from "../../process/run-ffmpeg.ts";
import { Doubt } from "../fast-join/doubt.ts";
import { type Mp3Track, readMp3Track } from "../fast-join/mp3-track.ts";
import { withFile } from "../fast-join/read-at.ts";
import { buildFloatOutput } from "../pcm/float-args.ts";
import type { Segment } from "../pcm/pcm-file.ts";
import type { PcmPiece } from "../pcm/pcm-pieces.ts";
import type { EncodeRequest } from "./encode.ts";
import { buildFramesDecodeArgs } from "./encode-args.ts";

/** Frames until a decoder that begins in the middle has its reservoir (255 bytes at 8 kbit/s) and its overlaps. */
const warmFrames = 28;

type Finished = Pick<EncodeRequest, "toolchain" | "plan" | "outPath" | "signal">;

type Part = Pick<Segment, "readFrom" | "readTo">;

/** Decodes parts into a file, one behind the other; null where not as much comes as has to. */
export type DecodeParts = (parts: readonly Part[], path: string) => Promise<readonly PcmPiece[] | null>;

/**
 * For parts of a finished mp3: each with what lies around it, as its bare packets decode, so that the sound begins
 * `plan.delayFrames` behind the first. Null where the file is not plain enough to find a place in it.
 */
export async function openMp3Parts(request: Finished): Promise<DecodeParts | null> {
  const { toolchain, plan, outPath, signal } = request;
  const { size } = await stat(outPath);
  const track = await readMp3Track(outPath, outPath, size).catch((error: unknown) => {
    if (error instanceof Doubt) return null;
    throw error;
  });
  if (track === null) return null;
  return async (parts, path) => {
    const places = parts.map((part) => findPlace(track, part, plan.delayFrames));
    const target = buildFloatOutput(`file:${path}`);
    const decoder = startFfmpeg(toolchain, buildFramesDecodeArgs(plan, target), { signal, stdin: "pipe" });
    decoder.stdout.resume();
    const stdin = decoder.stdin as Writable;
    await withFile(outPath, async (read) => {
      for (const { start, end } of places) if (!stdin.write(await read(start, end - start))) await drained(stdin);
    });
    stdin.end();
    await decoder.done;
    let at = 0;
    const pieces = places.map(({ from, to }) => {
      const piece = { path, at, from, to };
      at += to - from;
      return piece;
    });
    return (await stat(path)).size === at * 4 * plan.channels ? pieces : null;
  };
}

/** Its bytes, and the frames that a decoder of the whole would make of them. */
function findPlace(track: Mp3Track, { readFrom, readTo }: Part, delayFrames: number) {
  const { checkpoints, checkpointFrames, frames, samplesPerFrame, audioStart, audioEnd } = track;
  const first = Math.floor((readFrom + delayFrames) / samplesPerFrame) - warmFrames;
  const last = Math.ceil((readTo + delayFrames) / samplesPerFrame);
  const [begin, end] = [Math.max(0, Math.floor(first / checkpointFrames)), Math.ceil(last / checkpointFrames)];
  const from = begin * checkpointFrames * samplesPerFrame;
  const to = Math.min(frames, end * checkpointFrames) * samplesPerFrame;
  return { start: checkpoints[begin] ?? audioStart, end: checkpoints[end] ?? audioEnd, from, to };
}
