import { type FileHandle, open } from "node:fs/promises";
import { updateCrc16 } from "./crc16.ts";
import { Doubt } from "./doubt.ts";
import { buildId3Tag } from "./id3-tag.ts";
import { findBodies, type JoinPlan } from "./join-plan.ts";
import { buildSilentMp3Frame } from "./mp3-splice.ts";
import { findMp3Frame, type Mp3Track } from "./mp3-track.ts";
import { withFile } from "./read-at.ts";
import type { Splice } from "./seam-codec.ts";
import { buildContents, buildXingFrame, xingFrameBytes } from "./xing-frame.ts";

const copyBytes = 256 * 1024;
/** Silent frames to a write. */
const silentRun = 256;

/** Writes the joined file: tags, the frame that describes it, bodies as they are in their files, and between them seams. */
export async function writeMp3(
  path: string,
  work: { readonly tracks: readonly Mp3Track[]; readonly plan: JoinPlan; readonly splices: readonly Splice[] },
  signal: AbortSignal,
): Promise<void> {
  const { tracks, plan, splices } = work;
  const [first] = tracks;
  if (first === undefined) throw new Doubt("there is no input");
  const tag = buildId3Tag(first.tag);
  const silent = buildSilentMp3Frame(first.word);
  const infoBytes = xingFrameBytes(first.word);
  const file = await open(path, "w");
  try {
    const sink = createSink(file, tag.length + infoBytes, signal);
    const marks: (readonly [number, number])[] = [];
    const mark = (frame: number) => marks.push([frame, infoBytes + sink.bytes]);
    await sink.repeat(silent, plan.leadFrames);
    for (const [index, { span, from, to }] of findBodies(plan, splices).entries()) {
      mark(from);
      const track = span.track === null ? undefined : tracks[span.track];
      if (track === undefined) await sink.repeat(silent, to - from);
      else await copyFrames(sink, track, from - span.frameOffset, to - span.frameOffset);
      mark(to);
      for (const frame of splices[index]?.frames ?? []) await sink.write(frame);
    }
    const bytes = infoBytes + sink.bytes;
    const { sampleRateHz, samplesPerFrame } = first.header;
    const info = buildXingFrame(first.word, samplesPerFrame, {
      ...{ frames: plan.totalFrames, bytes, startSample: plan.startSample, endSample: plan.endSample },
      contents: buildContents(marks, plan.totalFrames, bytes),
      bitRate: (8 * bytes * sampleRateHz) / (plan.totalFrames * samplesPerFrame),
      musicCrc: sink.crc,
    });
    await file.write(Buffer.concat([tag, info]), 0, tag.length + info.length, 0);
  } finally {
    await file.close();
  }
}

interface Sink {
  readonly bytes: number;
  readonly crc: number;
  write(bytes: Buffer): Promise<void>;
  repeat(bytes: Buffer, times: number): Promise<void>;
}

function createSink(file: FileHandle, from: number, signal: AbortSignal): Sink {
  let [bytes, crc] = [0, 0];
  const write = async (chunk: Buffer): Promise<void> => {
    signal.throwIfAborted();
    crc = updateCrc16(crc, chunk);
    for (let at = 0; at < chunk.length; ) {
      at += (await file.write(chunk, at, chunk.length - at, from + bytes + at)).bytesWritten;
    }
    bytes += chunk.length;
  };
  return {
    write,
    async repeat(frame, times) {
      for (let left = times; left > 0; left -= silentRun) {
        await write(Buffer.concat(Array.from({ length: Math.min(left, silentRun) }, () => frame)));
      }
    },
    get bytes() {
      return bytes;
    },
    get crc() {
      return crc;
    },
  };
}

async function copyFrames(sink: Sink, track: Mp3Track, from: number, to: number): Promise<void> {
  await withFile(track.path, async (read) => {
    const end = await findMp3Frame(read, track, to);
    for (let at = await findMp3Frame(read, track, from); at < end; ) {
      const chunk = await read(at, Math.min(copyBytes, end - at));
      if (chunk.length === 0) throw new Doubt("changed while it was read");
      await sink.write(chunk);
      at += chunk.length;
    }
  });
}
