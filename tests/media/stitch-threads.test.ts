import { copyFileSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { beforeAll, describe, expect, test } from "vitest";
import { decode, ffmpeg, useMediaFixtures, writeSamples } from "./media-fixtures.ts";
import { runStitch } from "./stitch-fixtures.ts";

// To WAV threads put together what decoders left in files, to FLAC all goes through one process: the same samples.
const fixtures = useMediaFixtures();
const sine = (seconds: number, hz: number, level = 0.2) => [
  ...[
    "-v",
    "error",
    "-f",
    "lavfi",
    "-i",
    `aevalsrc=${level}*sin(2*PI*${hz}*t)+0.01*(random(0)-0.5):s=44100:d=${seconds}`,
  ],
];
const at = (name: string) => fixtures.file(name);

beforeAll(async () => {
  await ffmpeg(...sine(61.3, 310), "-ac", "2", "-b:a", "96k", at("one.mp3"));
  await ffmpeg(...sine(0.4, 700), "-ar", "16000", at("short.wav"));
  await ffmpeg(...sine(50.2, 220), "-ar", "22050", at("two.m4a"));
  // A container that counts nothing.
  await ffmpeg(...sine(12.7, 500), "-ar", "48000", at("three.aac"));
  // Its decoder gives more than full scale.
  await ffmpeg(...sine(30, 900, 0.99), "-af", "volume=4dB", "-c:a", "libmp3lame", "-b:a", "64k", at("hot.mp3"));
  // Longer than what is decoded ahead.
  await ffmpeg(...sine(640, 120), "-ar", "8000", at("long.flac"));
  const broken = new Float32Array(44_100 * 5).fill(0.1);
  broken.set([Number.NaN, Number.NEGATIVE_INFINITY, 4e9], 22_050);
  await writeSamples(at("broken.wav"), broken, { sampleRateHz: 44_100, channels: 1 }, "-c:a", "pcm_f32le");
}, 60_000);

const all = ["one.mp3", "short.wav", "two.m4a", "three.aac", "hot.mp3"];

async function joinBoth(names: readonly string[], params: object) {
  const run = (format: "wav" | "flac") =>
    runStitch(fixtures.toolchain, fixtures.dir, names.map(at), { join: "exact", ...params, format });
  const [threads, single] = [await run("wav"), await run("flac")];
  return { threads, single };
}

describe("a join by threads", () => {
  test.each([{}, { gapMs: 130 }, { crossfadeMs: 700 }, { matchLoudness: true }])(
    "fails when it gives another sample, or says otherwise, than one process does, with %o",
    { timeout: 60_000 },
    async (params) => {
      const { threads, single } = await joinBoth(all, params);
      const [wav, flac] = await Promise.all([decode(at("stitched.wav")), decode(at("stitched.flac"))]);
      expect(wav.length).toBe(flac.length);
      expect(
        Buffer.from(wav.buffer, wav.byteOffset, wav.byteLength).equals(
          Buffer.from(flac.buffer, flac.byteOffset, flac.byteLength),
        ),
      ).toBe(true);
      expect(threads.report.join?.pieces).toEqual(single.report.join?.pieces);
      expect(threads.report.join?.driftMs).toBeCloseTo(single.report.join?.driftMs ?? Number.NaN, 6);
      expect(threads.warnings).toEqual(single.warnings);
      for (const [index, before] of threads.report.before.entries()) {
        const known = single.report.before[index];
        expect(before).toMatchObject({ durationSeconds: known?.durationSeconds, codec: known?.codec });
        expect(before.integratedLufs).toBeCloseTo(known?.integratedLufs ?? 0, 3);
        expect(before.truePeakDbtp).toBeCloseTo(known?.truePeakDbtp ?? 0, 3);
      }
      expect(threads.report.after?.integratedLufs).toBeCloseTo(single.report.after?.integratedLufs ?? 0, 3);
      expect(readdirSync(fixtures.dir).filter((name) => /^(decoded|joined)/.test(name))).toEqual([]);
    },
  );

  test("fails when samples that are no numbers are written, or silenced without a word", {
    timeout: 60_000,
  }, async () => {
    const names = ["one.mp3", "broken.wav", "one.mp3"].map(at);
    const { report, warnings } = await runStitch(fixtures.toolchain, fixtures.dir, names, { format: "wav" });
    expect(warnings).toEqual([
      { code: "samples_silenced", detail: expect.stringMatching(/^broken\.wav holds 6 samples/) },
    ]);
    const joined = await decode(at("stitched.wav"), "-af", "pan=mono|c0=c0");
    const start = report.join?.pieces[1]?.startSeconds ?? 0;
    const place = Math.round(start * 44_100) + 22_050;
    expect([...joined.subarray(place - 1, place + 4)].map((value) => Math.round(value * 100))).toEqual([
      10, 0, 0, 0, 10,
    ]);
  });

  test("fails when a damaged input is not named, or leaves a file or a thread", { timeout: 60_000 }, async () => {
    const { size } = statSync(at("two.m4a"));
    copyFileSync(at("two.m4a"), at("empty.m4a"));
    // The index stays, at the end; what it points to goes.
    const bytes = readFileSync(at("empty.m4a"));
    bytes.fill(0xff, 64, Math.floor(size * 0.8));
    writeFileSync(at("empty.m4a"), bytes);
    const names = ["one.mp3", "empty.m4a", "two.m4a", "one.mp3"].map(at);
    const run = runStitch(fixtures.toolchain, fixtures.dir, names, { format: "wav" });
    await expect(run.then(({ warnings }) => warnings.map(({ detail }) => detail).join())).rejects.toThrow(/empty\.m4a/);
    expect(readdirSync(fixtures.dir).filter((name) => /^(decoded|joined)/.test(name))).toEqual([]);
  });

  test("fails when an input that is longer than what is decoded ahead is cut or moved", {
    timeout: 60_000,
  }, async () => {
    const { threads, single } = await joinBoth(["two.m4a", "long.flac", "short.wav"], {});
    expect(threads.report.join?.pieces).toEqual(single.report.join?.pieces);
    const [wav, flac] = await Promise.all([decode(at("stitched.wav")), decode(at("stitched.flac"))]);
    expect(Buffer.from(wav.buffer).equals(Buffer.from(flac.buffer))).toBe(true);
  });
});
