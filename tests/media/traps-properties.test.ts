import { execFileSync } from "node:child_process";
import { rm } from "node:fs/promises";
import fc from "fast-check";
import { expect, test } from "vitest";
import { audioFormatNames } from "../../core/kinds/audio-formats.ts";
import { parseParams } from "../../core/kinds/index.ts";
import { clean } from "../../worker/recipes/clean.ts";
import { stitch } from "../../worker/recipes/stitch.ts";
import { buildContext, decode, ffmpeg, useMediaFixtures } from "./media-fixtures.ts";

/** Few in the usual run, since each makes and decodes real files; MIXDOWN_PROPERTY_RUNS=100 for more. */
const numRuns = Number(process.env.MIXDOWN_PROPERTY_RUNS ?? 6);
const timeout = 60_000 + 20_000 * numRuns;
const fixtures = useMediaFixtures();

const recording = fc.record({
  samples: fc.integer({ min: 8_000, max: 90_000 }),
  rate: fc.constantFrom(8_000, 16_000, 22_050, 32_000, 44_100, 48_000, 96_000),
  channels: fc.constantFrom(1, 1, 2, 2, 6),
  level: fc.integer({ min: -50, max: 0 }),
  kind: fc.constantFrom("anoisesrc=c=pink:a=1", "sine=f=300", "aevalsrc=sin(2*PI*440*t)*lt(mod(t\\,0.5)\\,0.3)"),
  format: fc.constantFrom("wav", "flac", "flac", "wav"),
});
type Recording = typeof recording extends fc.Arbitrary<infer Value> ? Value : never;

let made = 0;
async function write({ samples, rate, channels, level, kind, format }: Recording): Promise<string> {
  const path = fixtures.file(`made-${++made}.${format}`);
  const source = `${kind}${kind.startsWith("aevalsrc") ? `:s=${rate}` : `:r=${rate}`}`;
  const chain = `volume=${level}dB,atrim=end_sample=${samples}`;
  await ffmpeg(
    "-v",
    "error",
    "-f",
    "lavfi",
    "-i",
    source,
    "-af",
    chain,
    "-ac",
    String(channels),
    "-ar",
    String(rate),
    path,
  );
  return path;
}

/**
 * Seconds that a player shows and plays. ffmpeg decodes the padding at an m4a's end as well: there its edit list is asked,
 * in whole milliseconds of the movie's clock.
 */
async function secondsOf(path: string, format: string): Promise<number> {
  if (format !== "m4a") return (await decode(path, "-ac", "1", "-ar", "48000")).length / 48_000;
  const args = ["-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0", path];
  return Number(execFileSync("ffprobe", args).toString());
}

/** Loudness by ffmpeg's meter; null under its gate. */
async function lufsOf(path: string): Promise<number | null> {
  const log = await ffmpeg("-i", path, "-map", "0:a:0", "-af", "ebur128", "-f", "null", "-");
  const lufs = Number(/I:\s+(\S+) LUFS/.exec(log.slice(log.lastIndexOf("Summary:")))?.[1]);
  return Number.isFinite(lufs) && lufs > -69 ? lufs : null;
}

test("fails when clean changes the length of any recording by a millisecond, or misses its loudness without a word", {
  timeout,
}, async () => {
  const run = fc.asyncProperty(
    recording,
    fc.constantFrom(...audioFormatNames),
    fc.integer({ min: -30, max: -12 }),
    async (given, format, loudnessLufs) => {
      const path = await write(given);
      const context = await buildContext(fixtures, [path]);
      const result = await clean(context, parseParams("clean", { format, loudnessLufs }));
      const out = result.outputs[0]?.path ?? "";
      expect(Math.abs((await secondsOf(out, format)) - given.samples / given.rate)).toBeLessThanOrEqual(0.00101);
      const warned = result.warnings.some(({ code }) => /^(loudness|ceiling|input_silent|limit)/.test(code));
      const lufs = await lufsOf(out);
      // Surround is weighted by its layout, which not every container carries.
      if (!warned && lufs !== null && given.samples > 0.5 * given.rate && given.channels <= 2) {
        expect(Math.abs(lufs - loudnessLufs)).toBeLessThanOrEqual(0.5);
      }
      await rm(context.scratchDir, { recursive: true });
    },
  );
  await fc.assert(run, { numRuns, endOnFailure: true });
});

test("fails when stitch gives another length than the sum of its parts, whatever they are", { timeout }, async () => {
  const joining = fc.oneof(
    fc.record({ gapMs: fc.integer({ min: 0, max: 700 }) }),
    // The shortest lasts 83 ms, and an overlap takes at most half of its neighbours.
    fc.record({ crossfadeMs: fc.integer({ min: 0, max: 40 }) }),
  );
  const run = fc.asyncProperty(
    fc.array(recording, { minLength: 1, maxLength: 5 }),
    joining,
    fc.constantFrom(...audioFormatNames),
    fc.boolean(),
    async (parts, join, format, matchLoudness) => {
      const paths = await Promise.all(parts.map(write));
      const context = await buildContext(fixtures, paths);
      const result = await stitch(context, parseParams("stitch", { ...join, format, matchLoudness }));
      const step = "gapMs" in join ? join.gapMs : -join.crossfadeMs;
      const sum = parts.reduce((total, { samples, rate }) => total + samples / rate, 0);
      const exact = sum + ((parts.length - 1) * step) / 1_000;
      const seconds = await secondsOf(result.outputs[0]?.path ?? "", format);
      expect(Math.abs(seconds - exact)).toBeLessThanOrEqual(0.00101);
      expect(Math.abs(result.report.join?.driftMs ?? 99)).toBeLessThanOrEqual(1);
      await rm(context.scratchDir, { recursive: true });
    },
  );
  await fc.assert(run, { numRuns, endOnFailure: true });
});
