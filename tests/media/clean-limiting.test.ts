import { expect, test } from "vitest";
import { peakyVoices, siSdrDb, speakNarration, voices } from "../fixtures/speech-noise.ts";
import { runClean, writeWav } from "./clean-fixtures.ts";
import { decode, ffmpeg, useMediaFixtures } from "./media-fixtures.ts";

const fixtures = useMediaFixtures();
/** By ffmpeg's own meter: loudness and true peak. */
async function readLevels(path: string): Promise<{ readonly lufs: number; readonly dbtp: number }> {
  const log = await ffmpeg("-i", path, "-af", "ebur128=peak=true", "-f", "null", "-");
  const summary = log.slice(log.lastIndexOf("Summary:"));
  const read = (name: RegExp) => Number(name.exec(summary)?.[1]);
  return { lufs: read(/I:\s+(-?[\d.]+) LUFS/), dbtp: read(/Peak:\s+(-?[\d.]+) dBFS/) };
}

test.each(peakyVoices.flatMap((voice) => [48_000, 44_100].map((rate) => ({ ...voice, rate }))))(
  "fails when the wave of $name at $wordsPerMinute words a minute and $rate Hz is changed by more than −20 dB at the default target",
  async (voice) => {
    const input = await speakNarration(voice, voice.rate);
    const path = fixtures.file(`${voice.name}-${voice.wordsPerMinute}-${voice.rate}.wav`);
    await writeWav(path, input, voice.rate);
    const result = await runClean(fixtures, path);
    expect(result.report.treatment).toMatchObject({ denoiser: null, limited: true, corrected: false });
    const samples = await decode(result.path);
    expect(samples).toHaveLength(input.length);
    expect(siSdrDb(samples, input)).toBeGreaterThanOrEqual(20);
    const { lufs, dbtp } = await readLevels(result.path);
    expect(Math.abs(lufs + 16)).toBeLessThanOrEqual(0.2);
    expect(dbtp).toBeLessThanOrEqual(-1);
  },
);

test.each([
  { rate: 8_000, channels: 1 },
  { rate: 16_000, channels: 2 },
  { rate: 48_000, channels: 2 },
])(
  "fails when $channels channels at $rate Hz, far too loud for their ceiling, pass it or lose a sample",
  async (format) => {
    const { rate, channels } = format;
    const voice = await speakNarration(voices[0] as (typeof voices)[number], rate);
    const input = Float32Array.from({ length: voice.length * channels }, (_, at) => {
      const value = voice[Math.floor(at / channels)] ?? 0;
      return at % channels === 0 ? value : 0.6 * value;
    });
    const path = fixtures.file(`loud-${rate}-${channels}.wav`);
    await writeWav(path, input, rate, channels);
    for (const loudnessLufs of [-15, -12]) {
      const result = await runClean(fixtures, path, { loudnessLufs });
      const samples = await decode(result.path);
      expect(samples).toHaveLength(input.length);
      expect(result.report.after?.truePeakDbtp).toBeLessThanOrEqual(-1);
      // At low rates the meter's curve, of four times the rate, and ffmpeg's, of 192 kHz, are not the same.
      if (rate === 48_000) expect((await readLevels(result.path)).dbtp).toBeLessThanOrEqual(-1);
    }
  },
);
