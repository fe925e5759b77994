import { Readable, type Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { startFfmpeg } from "../../process/run-ffmpeg.ts";
import { createPcmGuard } from "../pcm/pcm-guard.ts";
import type { Toolchain } from "../toolchain/toolchain.ts";
import { createByteReader } from "./byte-reader.ts";
import { Doubt } from "./doubt.ts";
import type { Seam } from "./join-plan.ts";
import { mixSeam, type SpanSound } from "./mix-seam.ts";
import type { SeamCodec, Splice } from "./seam-codec.ts";

/** Frames that the encoder is given before and behind those that are used: it looks back and ahead. */
const runIn = 4;
const runOut = 3;

/** Frames of one track that are decoded, and the output sample of the first that is wanted. */
interface Section {
  readonly track: number;
  readonly from: number;
  readonly to: number;
  readonly dropped: number;
  readonly at: number;
}

interface SeamWork {
  readonly seam: Seam;
  /** What the encoder is given: from an output sample on, so many frames. */
  readonly from: number;
  readonly frames: number;
  /** Output frame for which the encoder's first frame of this seam stands. */
  readonly firstFrame: number;
  /** Of each span; null for silence. */
  readonly sections: readonly (Section | null)[];
}

export interface RenderedSeams {
  readonly splices: readonly Splice[];
  readonly steps: readonly { readonly argv: readonly string[] }[];
}

/**
 * Makes the frames of all seams: one ffmpeg decodes what lies around them, one encodes what they shall be. Both run from
 * the first seam to the last, so neither their number nor our memory depends on the inputs'. Neither opens a file.
 * Throws a `Doubt` when a seam cannot be fitted between its neighbours.
 */
export async function renderSeams(
  toolchain: Toolchain,
  codec: SeamCodec,
  seams: readonly Seam[],
  signal: AbortSignal,
): Promise<RenderedSeams> {
  if (seams.length === 0) return { splices: [], steps: [] };
  const work = seams.map((seam) => planWork(codec, seam));
  const stop = new AbortController();
  const options = { stdin: "pipe" as const, signal: AbortSignal.any([signal, stop.signal]) };
  const format = ["-ar", String(codec.sampleRateHz), "-ac", String(codec.channels)];
  const guard = ["-protocol_whitelist", "pipe"];
  const decodeArgs = [...guard, ...codec.decodeInputArgs, "-i", "pipe:0", ...format, "-f", "f32le", "pipe:1"];
  const encodeArgs = [...guard, "-f", "f32le", ...format, "-i", "pipe:0", ...codec.encodeOutputArgs, "pipe:1"];
  const decoder = startFfmpeg(toolchain, decodeArgs, options);
  const encoder = startFfmpeg(toolchain, encodeArgs, options);
  try {
    const [splices] = await Promise.all([
      spliceAll(codec, work, encoder.stdout),
      feed(readSections(codec, work), decoder.stdin),
      feed(mixAll(codec, work, decoder.stdout), encoder.stdin),
      decoder.done,
      encoder.done,
    ]);
    return { splices, steps: [{ argv: ["ffmpeg", ...decodeArgs] }, { argv: ["ffmpeg", ...encodeArgs] }] };
  } catch (error) {
    stop.abort(error);
    decoder.stdout.destroy();
    encoder.stdout.destroy();
    await Promise.allSettled([decoder.done, encoder.done]);
    throw signal.aborted ? signal.reason : error;
  }
}

function planWork(codec: SeamCodec, seam: Seam): SeamWork {
  const { samplesPerFrame } = codec.grid;
  const firstFrame = seam.firstFrame.least - runIn;
  const frames = seam.endFrame.most + runOut - firstFrame;
  const from = firstFrame * samplesPerFrame + codec.delaySamples;
  const sections = seam.spans.map((span, index): Section | null => {
    if (span.track === null) return null;
    const offset = span.frameOffset;
    const wanted = index === 0 ? Math.max(0, Math.floor(from / samplesPerFrame) - offset) : 0;
    const end = index === seam.spans.length - 1 ? from + frames * samplesPerFrame : span.to;
    const to = Math.min(Math.ceil(end / samplesPerFrame) - offset, codec.countFrames(span.track));
    const first = codec.settle(wanted);
    return { track: span.track, from: first, to, dropped: wanted - first, at: (wanted + offset) * samplesPerFrame };
  });
  return { seam, from, frames, firstFrame, sections };
}

async function* readSections(codec: SeamCodec, work: readonly SeamWork[]): AsyncGenerator<Buffer> {
  for (const section of work.flatMap(({ sections }) => sections)) {
    if (section !== null) yield Buffer.concat(await codec.readFrames(section.track, section.from, section.to));
  }
}

async function* mixAll(codec: SeamCodec, work: readonly SeamWork[], decoded: Readable): AsyncGenerator<Buffer> {
  const { channels, sampleRateHz, grid } = codec;
  const frameBytes = grid.samplesPerFrame * channels * 4;
  const reader = createByteReader(decoded);
  const guard = createPcmGuard({ name: "the sound around the joins", sampleRateHz, channels });
  const gain = 10 ** (codec.gainDb / 20);
  for (const { seam, sections, from, frames } of work) {
    const sounds: (SpanSound | null)[] = [];
    for (const section of sections) sounds.push(section === null ? null : await readSound(reader, section, frameBytes));
    const mixed = mixSeam(seam, sounds, { from, to: from + frames * grid.samplesPerFrame, channels });
    guard.check(mixed);
    for (let at = 0; at < mixed.length; at++) mixed[at] = (mixed[at] as number) * gain;
    yield Buffer.from(mixed.buffer);
  }
  // Decoders may give a little more at their end; what matters is that they gave no less.
  while ((await reader.read(65_536)).length > 0);
}

async function readSound(
  reader: ReturnType<typeof createByteReader>,
  section: Section,
  frameBytes: number,
): Promise<SpanSound> {
  const wanted = (section.to - section.from) * frameBytes;
  const bytes = await reader.read(wanted);
  if (bytes.length < wanted) throw new Doubt("cannot be decoded frame by frame");
  // A copy: floats must lie at a multiple of four.
  const kept = new Uint8Array(bytes.subarray(section.dropped * frameBytes));
  return { at: section.at, samples: new Float32Array(kept.buffer) };
}

async function spliceAll(codec: SeamCodec, work: readonly SeamWork[], encoded: Readable): Promise<Splice[]> {
  const splices: Splice[] = [];
  let rest = Buffer.alloc(0);
  let frames: Buffer[] = [];
  let ended = 0;
  for await (const chunk of encoded) {
    rest = Buffer.concat([rest, chunk as Buffer]);
    const whole = codec.splitFrames(rest);
    rest = rest.subarray(whole.reduce((sum, frame) => sum + frame.length, 0));
    frames.push(...whole);
    for (let next = work[ended]; next !== undefined && frames.length >= next.frames; next = work[ended]) {
      const splice = await codec.splice(next.seam, { at: next.firstFrame, frames: frames.slice(0, next.frames) });
      if (splice === null) throw new Doubt("a join lies where no frame of ours fits to those that are copied");
      splices.push(splice);
      frames = frames.slice(next.frames);
      ended++;
    }
  }
  if (ended < work.length) throw new Doubt("the encoder gave too few frames");
  return splices;
}

/** Writes what comes into a child that may end before all has. */
export async function feed(chunks: AsyncIterable<Buffer>, stdin: Writable | null): Promise<void> {
  if (stdin === null) throw new RangeError("a child without stdin cannot be fed");
  try {
    await pipeline(Readable.from(chunks, { objectMode: false }), stdin);
  } catch (error) {
    const code = (error as { code?: unknown } | null)?.code;
    // It ended early, and says itself why.
    if (code !== "EPIPE" && code !== "ERR_STREAM_PREMATURE_CLOSE") throw error;
  }
}
