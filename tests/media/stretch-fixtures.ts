import { readFileSync } from "node:fs";
import { Readable } from "node:stream";
import { beforeAll } from "vitest";
import type { EncodeRequest } from "../../worker/media/encode/encode.ts";
import { buildEncoderPlan } from "../../worker/media/encode/encoder-plan.ts";
import { ffmpeg, speak, useMediaFixtures } from "./media-fixtures.ts";

/** Of the sound that is encoded. */
export const seconds = 26;

export interface Shape {
  readonly sampleRateHz: number;
  readonly channels: number;
  readonly bitRate: number;
}

export const shapes: readonly Shape[] = [
  { sampleRateHz: 44_100, channels: 2, bitRate: 128_000 },
  { sampleRateHz: 48_000, channels: 2, bitRate: 64_000 },
  { sampleRateHz: 44_100, channels: 1, bitRate: 96_000 },
  { sampleRateHz: 48_000, channels: 2, bitRate: 320_000 },
  { sampleRateHz: 22_050, channels: 1, bitRate: 24_000 },
  { sampleRateHz: 22_050, channels: 2, bitRate: 64_000 },
];

/** Sound for encoders that work side by side: of each shape, made before the tests. */
export function useStretchFixtures() {
  const fixtures = useMediaFixtures();
  const nameOf = ({ sampleRateHz, channels }: Shape): string => fixtures.file(`${sampleRateHz}-${channels}.f32`);
  beforeAll(async () => {
    await speak(
      `The quick brown fox jumps over the lazy dog, and the whole village talks about it for years. ${"Tick, tack, tick. ".repeat(9)}
       Nobody knows why it happened, but everyone has an opinion, and the simplest of them is the one nobody wants to hear.`,
      fixtures.file("voice.wav"),
    );
    for (const { sampleRateHz, channels } of [...shapes, { sampleRateHz: 44_100, channels: 2 }]) {
      // A voice beside the middle, and a noise of each channel's own.
      const sides = channels === 1 ? "pan=mono|c0=c0" : "pan=stereo|c0=0.8*c0+0.3*c1|c1=0.5*c0+0.3*c2";
      const noise = `anoisesrc=c=pink:a=0.05:r=48000:d=${seconds}`;
      await ffmpeg(
        ...["-v", "error", "-i", fixtures.file("voice.wav"), "-f", "lavfi", "-i", `${noise}:seed=1`],
        ...["-f", "lavfi", "-i", `${noise}:seed=2`, "-filter_complex"],
        `[0]apad=whole_dur=${seconds}[v];[v][1][2]amerge=inputs=3,${sides},aresample=${sampleRateHz}`,
        ...["-t", String(seconds), "-f", "f32le", nameOf({ sampleRateHz, channels, bitRate: 0 })],
      );
    }
  });

  function buildRequest(shape: Shape, out: string, over: Partial<EncodeRequest> = {}): EncodeRequest {
    const { sampleRateHz, channels } = shape;
    const bytes = readFileSync(nameOf(shape));
    const chunks = Array.from({ length: Math.ceil(bytes.length / 65_536) }, (_, at) =>
      bytes.subarray(at * 65_536, (at + 1) * 65_536),
    );
    return {
      toolchain: fixtures.toolchain,
      source: { pcm: Readable.from(chunks, { objectMode: false }), sampleRateHz, channels },
      plan: buildEncoderPlan("mp3", shape),
      outPath: fixtures.file(out),
      expectedFrames: bytes.length / 4 / channels,
      ...over,
    };
  }

  return { fixtures, nameOf, buildRequest };
}
