import { startFfmpeg } from "../../process/run-ffmpeg.ts";
import { createLoudnessMeter, type LoudnessReading } from "../meters/loudness-meter.ts";
import { buildFloatOutput } from "../pcm/float-args.ts";
import { readFloatFrames } from "../pcm/float-frames.ts";
import { defaultLayout } from "../pcm/pcm-decode-args.ts";
import { toPcm16 } from "../pcm/to-pcm16.ts";
import type { Toolchain } from "../toolchain/toolchain.ts";
import type { PeaksAccumulator } from "../waveform/peaks.ts";
import { createByteReader } from "./byte-reader.ts";
import { Doubt } from "./doubt.ts";
import { feed } from "./render-seams.ts";
import type { SeamCodec, Splice } from "./seam-codec.ts";

/** Frames beside a seam that its transforms reach. */
const besides = 2;
/** Samples over which a cut-out fades, so that its own ends are no peaks. */
const rampSamples = 64;

/** True peak of the seams as they are decoded from the finished file, dBTP; null without one. `codec` is of that file. */
export async function measureSeams(
  toolchain: Toolchain,
  codec: SeamCodec,
  splices: readonly Splice[],
  signal: AbortSignal,
): Promise<number | null> {
  if (splices.length === 0) return null;
  const { channels, sampleRateHz, grid } = codec;
  const sections = splices.map(({ from, to }) => ({
    from: codec.settle(Math.max(0, from - besides)),
    wanted: Math.max(0, from - besides),
    to: Math.min(to + besides, codec.countFrames(0)),
  }));
  async function* readSections(): AsyncGenerator<Buffer> {
    for (const { from, to } of sections) yield Buffer.concat(await codec.readFrames(0, from, to));
  }
  const format = ["-ar", String(sampleRateHz), "-ac", String(channels), "-f", "f32le"];
  const stop = new AbortController();
  const args = ["-protocol_whitelist", "pipe", ...codec.decodeInputArgs, "-i", "pipe:0", ...format, "pipe:1"];
  const child = startFfmpeg(toolchain, args, { stdin: "pipe", signal: AbortSignal.any([signal, stop.signal]) });
  const meter = createLoudnessMeter({ sampleRateHz, channels, channelLayout: defaultLayout(channels) });
  const read = async (): Promise<void> => {
    const reader = createByteReader(child.stdout);
    for (const { from, wanted, to } of sections) {
      const bytes = (frames: number) => frames * grid.samplesPerFrame * channels * 4;
      const decoded = await reader.read(bytes(to - from));
      if (decoded.length < bytes(to - from)) throw new Doubt("the joined file cannot be decoded frame by frame");
      meter.push(fade(new Float32Array(new Uint8Array(decoded.subarray(bytes(wanted - from))).buffer), channels));
    }
    child.stdout.resume();
  };
  try {
    await Promise.all([feed(readSections(), child.stdin), read(), child.done]);
    return meter.finish().truePeakDbtp;
  } catch (error) {
    stop.abort(error);
    child.stdout.destroy();
    await child.done.catch(() => {});
    throw signal.aborted ? signal.reason : error;
  }
}

function fade(samples: Float32Array, channels: number): Float32Array {
  const ramp = Math.min(rampSamples * channels, samples.length >> 1);
  for (let at = 0; at < ramp; at++) {
    const gain = Math.floor(at / channels) / rampSamples;
    samples[at] = (samples[at] ?? 0) * gain;
    samples[samples.length - 1 - at] = (samples[samples.length - 1 - at] ?? 0) * gain;
  }
  return samples;
}

/** Decodes the finished file once: its loudness and true peak, and what its waveform is drawn from. */
export async function measureWhole(
  toolchain: Toolchain,
  file: { readonly path: string; readonly demuxer: string; readonly sampleRateHz: number; readonly channels: number },
  options: { readonly signal: AbortSignal; readonly peaks: PeaksAccumulator; readonly frames: number },
): Promise<LoudnessReading> {
  const { path, demuxer, sampleRateHz, channels } = file;
  const meter = createLoudnessMeter({ sampleRateHz, channels, channelLayout: defaultLayout(channels) });
  const input = ["-protocol_whitelist", "file,pipe", "-format_whitelist", demuxer, "-i", `file:${path}`];
  const output = ["-map", "0:a:0", "-ar", String(sampleRateHz), "-ac", String(channels), ...buildFloatOutput("pipe:1")];
  const child = startFfmpeg(toolchain, [...input, ...output], { signal: options.signal });
  let left = options.frames * channels;
  for await (const decoded of readFloatFrames(child.stdout, channels)) {
    // A demuxer may cut the end of a recording on its packets only.
    const samples = decoded.subarray(0, left);
    left -= samples.length;
    meter.push(samples);
    options.peaks.push(toPcm16(samples));
  }
  await child.done;
  return meter.finish();
}
