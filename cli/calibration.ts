import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { throughput } from "../core/lane.ts";
import { mixdownVersion } from "../core/version.ts";
import type { Toolchain } from "../worker/media/toolchain/toolchain.ts";
import { recipes } from "../worker/recipes/index.ts";
import { createScratch } from "./scratch.ts";

/** What `doctor --calibrate` found, kept beside the other things that can be made again. */
const calibrationSchema = z.object({
  mixdown: z.string(),
  measuredAt: z.iso.datetime(),
  /** Seconds of sound that `clean` gets through in one. */
  cleanSpeed: z.number().positive(),
  /** How much longer work takes here than on the machine of `throughput` (core/lane.ts). */
  slowness: z.number().positive(),
});
export type Calibration = z.infer<typeof calibrationSchema>;

const clipSeconds = 60;
const sampleRateHz = 44_100;
const channels = 2;

/** Cleans a minute of made-up talk three times and keeps how long the middle one took. @throws MixdownError */
export async function calibrate(cacheDir: string, toolchain: Toolchain, signal: AbortSignal): Promise<Calibration> {
  const scratch = createScratch(tmpdir());
  try {
    const path = join(scratch.path, "talk.wav");
    writeFileSync(path, makeTalk());
    const recipe = await recipes.clean();
    const seconds: number[] = [];
    for (let round = 0; round < 3; round++) {
      const scratchDir = join(scratch.path, String(round));
      mkdirSync(scratchDir);
      const inputs = [{ path, name: "talk.wav" }];
      const quiet = { signal, peaks: false, onProgress: () => {} };
      const startedAt = performance.now();
      await recipe(
        { inputs, scratchDir, toolchain, ...quiet },
        {
          ...{ loudnessLufs: -16, ceilingDbtp: -1, denoise: true, trimSilence: false, strict: false, format: "mp3" },
        },
      );
      seconds.push((performance.now() - startedAt) / 1_000);
    }
    const cleanSpeed = clipSeconds / ([...seconds].sort((a, b) => a - b)[1] as number);
    const found = {
      mixdown: mixdownVersion,
      measuredAt: new Date().toISOString(),
      cleanSpeed,
      slowness: throughput.clean.speed / cleanSpeed,
    };
    mkdirSync(cacheDir, { recursive: true });
    writeFileSync(join(cacheDir, "calibration.json"), JSON.stringify(found));
    return found;
  } finally {
    await scratch.remove();
  }
}

/** What was found before by this version; 1 where nothing was. */
export function readSlowness(cacheDir: string): number {
  try {
    const found = calibrationSchema.parse(JSON.parse(readFileSync(join(cacheDir, "calibration.json"), "utf8")));
    return found.mixdown === mixdownVersion ? found.slowness : 1;
  } catch {
    return 1;
  }
}

/** Syllables of a pulsed tone over steady noise, 16-bit WAV: what `clean` spends its time on, the same each time. */
function makeTalk(): Buffer {
  const frames = clipSeconds * sampleRateHz;
  const file = Buffer.alloc(44 + frames * channels * 2);
  file.write("RIFF", 0, "latin1");
  file.writeUInt32LE(file.length - 8, 4);
  file.write("WAVEfmt ", 8, "latin1");
  file.writeUInt32LE(16, 16);
  file.writeUInt16LE(1, 20);
  file.writeUInt16LE(channels, 22);
  file.writeUInt32LE(sampleRateHz, 24);
  file.writeUInt32LE(sampleRateHz * channels * 2, 28);
  file.writeUInt16LE(channels * 2, 32);
  file.writeUInt16LE(16, 34);
  file.write("data", 36, "latin1");
  file.writeUInt32LE(frames * channels * 2, 40);
  let seed = 1;
  for (let at = 0; at < frames * channels; at++) {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
    const seconds = Math.floor(at / channels) / sampleRateHz;
    const speaking = seconds % 4 < 3 && seconds % 0.25 < 0.18;
    const voice = speaking ? 0.3 * Math.sin(2 * Math.PI * 140 * seconds) ** 9 : 0;
    file.writeInt16LE(Math.round((voice + (seed / 2 ** 32 - 0.5) * 0.02) * 32_767), 44 + 2 * at);
  }
  return file;
}
