import { execFileSync } from "node:child_process";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { beforeAll, describe, expect, test } from "vitest";
import { decode, ffmpeg, useMediaFixtures } from "./media-fixtures.ts";
import {
  concat,
  makeTone,
  rate,
  readLoudness,
  readSpan,
  runMix,
  scale,
  silence,
  speakSamples,
  trackTone,
  writeSound,
} from "./mix-fixtures.ts";

const fixtures = useMediaFixtures();
let voice: Float32Array = new Float32Array(0);

beforeAll(async () => {
  voice = await speakSamples("The clocks were striking thirteen.", fixtures.file("v.wav"));
  await writeSound(fixtures.file("voice.wav"), voice);
  await writeSound(fixtures.file("silent.wav"), silence(4));
  await writeSound(fixtures.file("bed.wav"), makeTone(30), "-ac", "2");
});

const run = (params: object, voices: readonly string[], music: string, context: object = {}) =>
  runMix(
    fixtures.toolchain,
    fixtures.dir,
    { voices: voices.map(fixtures.file), music: fixtures.file(music) },
    // So quiet that nothing is limited: samples can be compared.
    { format: "wav", loudnessLufs: -30, ...params },
    context,
  );

const decodeLeft = (path: string | undefined) => decode(path ?? "", "-af", "pan=mono|c0=c0");

/** The largest difference between the mix and a sound that begins at `start`, against the sound's own peak. */
function compare(mixed: Float32Array, sound: Float32Array, start: number, gainDb: number): number {
  const gain = 10 ** (gainDb / 20);
  const worst = sound.reduce((top, value, at) => Math.max(top, Math.abs(value * gain - (mixed[start + at] ?? 0))), 0);
  return worst / (gain * sound.reduce((top, value) => Math.max(top, Math.abs(value)), 0));
}

describe("positions", () => {
  test("fails when parts do not follow each other to the sample behind the pre-roll, or change their level", async () => {
    const second = scale(voice, -1).subarray(0, 30_001);
    await writeSound(fixtures.file("second.wav"), second);
    // Over silence the mix is the voice alone.
    const params = { preRollSeconds: 1.25, postRollSeconds: 0.75 };
    const { outputs, report } = await run(params, ["voice.wav", "second.wav"], "silent.wav");
    const mixed = await decode(outputs[0]?.path ?? "");
    const start = 1.25 * rate;
    expect(mixed).toHaveLength(start + voice.length + second.length + 0.75 * rate);
    expect(compare(mixed, concat(voice, second), start, report.mix?.gainDb ?? 0)).toBeLessThan(1e-4);
    expect(mixed.subarray(0, start).every((value) => value === 0)).toBe(true);
    expect(report.mix?.narration).toEqual([
      { startSeconds: 1.25, durationSeconds: voice.length / rate },
      { startSeconds: 1.25 + voice.length / rate, durationSeconds: second.length / rate },
    ]);
    expect(report.before).toHaveLength(3);
  });

  test("fails when a mono voice is not in the middle of stereo music at its full level", async () => {
    await writeSound(fixtures.file("hush.wav"), silence(4), "-ac", "2");
    const { outputs, report } = await run({}, ["voice.wav"], "hush.wav");
    const mixed = await decode(outputs[0]?.path ?? "");
    const [left, right] = [0, 1].map((side) => mixed.filter((_, at) => at % 2 === side));
    expect(left).toEqual(right);
    expect(compare(left ?? mixed, voice, 0, report.mix?.gainDb ?? 0)).toBeLessThan(1e-4);
    expect(report.after).toMatchObject({ channels: 2, sampleRateHz: rate });
  });

  test("fails when the output lacks the highest rate and the most channels of its inputs", async () => {
    await ffmpeg(
      "-v",
      "error",
      "-i",
      fixtures.file("voice.wav"),
      "-ar",
      "22050",
      "-b:a",
      "64k",
      fixtures.file("low.mp3"),
    );
    await ffmpeg("-v", "error", "-i", fixtures.file("bed.wav"), "-ar", "44100", "-t", "9", fixtures.file("cd.flac"));
    const { outputs, report } = await run({ format: "m4a" }, ["low.mp3", "voice.wav"], "cd.flac");
    expect(report.after).toMatchObject({ sampleRateHz: rate, channels: 2, codec: "aac" });
    const seconds = (2 * voice.length) / rate;
    expect(Math.abs((outputs[0]?.durationSeconds ?? 0) - seconds)).toBeLessThan(0.001);
    expect(report.mix?.narration[1]?.startSeconds).toBeCloseTo(voice.length / rate, 3);
  });

  test("fails when the job's order of roles matters, or two narrations change places", async () => {
    const toInput = (name: string, role: string) => ({ path: fixtures.file(name), name, role });
    await writeSound(fixtures.file("short.wav"), voice.subarray(0, 20_000));
    const inputs = [
      toInput("silent.wav", "music"),
      toInput("short.wav", "narration"),
      toInput("voice.wav", "narration"),
    ];
    const { report, steps } = await run({}, [], "silent.wav", { inputs });
    expect(report.before.map(({ durationSeconds }) => durationSeconds)).toEqual([
      4,
      20_000 / rate,
      voice.length / rate,
    ]);
    expect(report.before.map(({ measured }) => measured)).toEqual(["used", "whole", "whole"]);
    expect(report.mix?.narration[1]?.startSeconds).toBe(20_000 / rate);
    const sources = steps.map(({ argv }) => argv.find((argument) => /^\{in\d\}$/.test(argument)));
    expect(sources).toEqual(["{in1}", "{in2}", "{in0}", undefined]);
    expect(JSON.stringify(steps)).not.toContain(fixtures.dir);
  });
});

describe("music", () => {
  test.each([0.31, 0.7])("fails when %f s of music leave a hole, a step or an end in 6 s", async (seconds) => {
    await writeSound(fixtures.file("loop.wav"), makeTone(seconds, 0.1, 440.3));
    const { outputs, report } = await run({ preRollSeconds: 3, postRollSeconds: 3 }, ["silent.wav"], "loop.wav");
    const mixed = await decodeLeft(outputs[0]?.path);
    expect(mixed).toHaveLength(10 * rate);
    const track = trackTone(mixed, 440.3);
    const { mean } = readSpan(track, 2.1, 7.9);
    const peak = Math.SQRT2 * 10 ** (mean / 20) * Math.SQRT1_2;
    // A tone's steepest step; a seam adds no more than another tone would.
    const steepest = (2 * Math.PI * 440.3 * peak) / rate;
    const steps = mixed.subarray(1).map((value, index) => Math.abs(value - (mixed[index] ?? 0)));
    expect(steps.reduce((top, value) => Math.max(top, value), 0)).toBeLessThan(2 * steepest);
    expect(report.mix?.musicLoops).toBeGreaterThanOrEqual(Math.floor(10 / seconds) - 1);
    const loudest = Array.from({ length: 80 }, (_, index) =>
      mixed
        .subarray((2 + index / 20) * rate, (2.12 + index / 20) * rate)
        .reduce((top, value) => Math.max(top, Math.abs(value)), 0),
    );
    expect(Math.min(...loudest)).toBeGreaterThan(0.7 * Math.max(...loudest));
  });

  test("fails when long music is not cut to the narration with a fade, or begins elsewhere than asked", async () => {
    await writeSound(fixtures.file("long.wav"), concat(makeTone(3, 0.1, 5_000), makeTone(60, 0.1)));
    const { outputs, report } = await run({ musicOffsetSeconds: 2, postRollSeconds: 4 }, ["silent.wav"], "long.wav");
    const mixed = await decodeLeft(outputs[0]?.path);
    expect(mixed).toHaveLength(8 * rate);
    const [early, late] = [trackTone(mixed, 5_000), trackTone(mixed)];
    expect(readSpan(early, 0.6, 0.95).mean - readSpan(late, 0.6, 0.95).mean).toBeGreaterThan(40);
    expect(readSpan(late, 1.1, 5.9).mean - readSpan(early, 1.1, 5.9).mean).toBeGreaterThan(40);
    expect(readSpan(late, 7.9, 8).mean).toBeLessThan(readSpan(late, 5, 5.9).mean - 15);
    expect(Math.abs(mixed.at(-1) ?? 1)).toBeLessThan(1e-4);
    expect(report.mix?.musicLoops).toBe(0);
  });

  test("fails when an offset behind the music's end is accepted", async () => {
    await expect(run({ musicOffsetSeconds: 31 }, ["voice.wav"], "bed.wav")).rejects.toMatchObject({
      code: "input_range",
      message: expect.stringContaining("bed.wav is 30.000 s"),
    });
    // A raw stream that does not say how long it is.
    await ffmpeg("-v", "error", "-i", fixtures.file("bed.wav"), "-t", "3", fixtures.file("bed.aac"));
    await expect(run({ musicOffsetSeconds: 20 }, ["voice.wav"], "bed.aac")).rejects.toMatchObject({
      code: "input_range",
    });
  });

  test("fails when a file with a picture is no music: cover art, and a film", async () => {
    const picture = ["-f", "lavfi", "-i", "testsrc=s=64x64:r=10:d=4"];
    const covered = ["-map", "0:a", "-map", "1:v", "-frames:v", "1", "-c:v", "mjpeg", "-disposition:v", "attached_pic"];
    const bed = ["-v", "error", "-t", "4", "-i", fixtures.file("bed.wav")];
    await ffmpeg(...bed, ...picture, ...covered, fixtures.file("cover.mp3"));
    await ffmpeg(...bed, ...picture, "-map", "0:a", "-map", "1:v", "-c:v", "mpeg4", fixtures.file("film.mp4"));
    for (const music of ["cover.mp3", "film.mp4"]) {
      const { outputs, report } = await run({ format: "mp3", preRollSeconds: 1 }, ["voice.wav"], music);
      const bedTrack = trackTone(await decodeLeft(outputs[0]?.path));
      expect(readSpan(bedTrack, 0.4, 0.5).mean - readSpan(bedTrack, 1.2, 2).mean).toBeGreaterThan(11);
      expect(report.after?.codec).toBe("mp3");
    }
  });
});

describe("what goes with the sound", () => {
  test("fails when title, cover art or chapters of the narrations are lost, or stand where they stood", async () => {
    const tags = (titles: readonly string[]) =>
      [";FFMETADATA1", "title=Thirteen", ...titles.flatMap(toChapter)].join("\n");
    const toChapter = (title: string, at: number) => [
      "[CHAPTER]",
      "TIMEBASE=1/1000",
      `START=${at * 700}`,
      `END=${(at + 1) * 700}`,
      `title=${title}`,
    ];
    await ffmpeg("-v", "error", "-f", "lavfi", "-i", "color=red:s=32x32", "-frames:v", "1", fixtures.file("art.png"));
    for (const [name, titles] of [
      ["one.m4a", ["a", "b"]],
      ["two.m4a", ["c"]],
    ] as const) {
      await writeFile(fixtures.file("tags.txt"), tags(titles));
      await ffmpeg(
        ...["-v", "error", "-i", fixtures.file("voice.wav"), "-i", fixtures.file("art.png"), "-f", "ffmetadata"],
        ...["-i", fixtures.file("tags.txt"), "-map", "0", "-map", "1", "-map_metadata", "2", "-map_chapters", "2"],
        ...["-disposition:v", "attached_pic", "-c:v", "png", fixtures.file(name)],
      );
    }
    const { outputs, report, warnings } = await run(
      // ID3 keeps a first chapter that begins late; in MP4 it must begin at 0.
      { format: "mp3", preRollSeconds: 2, postRollSeconds: 1 },
      ["one.m4a", "two.m4a"],
      "bed.wav",
    );
    const found = ffprobe(outputs[0]?.path ?? "");
    expect(found.format.tags.title).toBe("Thirteen");
    expect(found.streams.map(({ codec_type }) => codec_type)).toEqual(["audio", "video"]);
    const second = report.mix?.narration[1]?.startSeconds ?? 0;
    expect(found.chapters.map(({ tags }) => tags.title)).toEqual(["a", "b", "c"]);
    for (const [index, start] of [2, 2.7, second].entries()) {
      expect(Number(found.chapters[index]?.start_time)).toBeCloseTo(start, 2);
    }
    expect(warnings).toEqual([]);
    // Measured from the finished file here, and not from the packets on their way.
    expect(report.after?.integratedLufs).toBeCloseTo(-30, 0);
  });

  test("fails when six channels of music are lost, or weighed otherwise than ffmpeg's meter does", async () => {
    const pan = "pan=5.1|FL=c0|FR=c0|FC=0.5*c0|BL=c0|BR=c0";
    await ffmpeg("-v", "error", "-i", fixtures.file("bed.wav"), "-t", "6", "-af", pan, fixtures.file("six.flac"));
    const { outputs, report } = await run({ format: "flac", postRollSeconds: 3 }, ["voice.wav"], "six.flac");
    expect(report.after?.channels).toBe(6);
    expect(report.mix?.corrected).toBe(false);
    expect(Math.abs((await readLoudness(outputs[0]?.path ?? "")).lufs + 30)).toBeLessThanOrEqual(0.25);
  });
});

describe("silence", () => {
  test("fails when silent music or a silent narration is an error, or not told", async () => {
    const hush = await run({}, ["voice.wav"], "silent.wav");
    expect(hush.warnings.map(({ code }) => code)).toEqual(["music_silent"]);
    expect(hush.report.mix?.musicLuBelow).toBeNull();
    expect(hush.report.after?.integratedLufs).toBeCloseTo(-30, 0);
    const mute = await run({}, ["silent.wav"], "bed.wav");
    expect(mute.warnings.map(({ code }) => code)).toEqual(["narration_silent"]);
    expect(mute.report.mix?.speech).toEqual([]);
    expect(mute.report.after?.integratedLufs).toBeCloseTo(-30, 0);
    const both = await run({}, ["silent.wav"], "silent.wav");
    expect(both.report.after?.integratedLufs).toBeNull();
    expect(both.warnings.map(({ code }) => code)).toEqual(["narration_silent", "music_silent"]);
  });

  test("fails when two narrations of very different loudness are not told, or the quieter one is drowned", async () => {
    await writeSound(fixtures.file("quiet.wav"), scale(voice, -14));
    const { warnings, outputs, report } = await run({}, ["voice.wav", "quiet.wav"], "bed.wav");
    expect(warnings.map(({ code }) => code)).toEqual(["narration_levels_differ"]);
    expect(warnings[0]?.detail).toContain("quiet.wav is 14.0 LU quieter than voice.wav");
    const bed = readSpan(trackTone(await decodeLeft(outputs[0]?.path)), 0.2, voice.length / rate).mean;
    const quietRms = Math.hypot(...scale(voice, -14 + (report.mix?.gainDb ?? 0))) / Math.sqrt(voice.length);
    expect(20 * Math.log10(quietRms) - bed).toBeGreaterThan(8);
  });
});

test("fails when an abort in the middle of either pass leaves a process, or hides its reason", async () => {
  await writeSound(fixtures.file("minutes.wav"), makeTone(240, 0.1, 300));
  for (const percent of [8, 45]) {
    const controller = new AbortController();
    const onProgress = (_: string, at: number) => at >= percent && controller.abort(new Error("enough"));
    const context = { signal: controller.signal, onProgress };
    await expect(run({ format: "flac" }, ["minutes.wav"], "bed.wav", context)).rejects.toThrow("enough");
    expect(await listChildren()).toEqual([]);
  }
});

interface Probed {
  readonly format: { readonly tags: { readonly title: string } };
  readonly streams: readonly { readonly codec_type: string }[];
  readonly chapters: readonly { readonly start_time: string; readonly tags: { readonly title: string } }[];
}

function ffprobe(path: string): Probed {
  const shown = ["-show_chapters", "-show_streams", "-show_format", "-print_format", "json"];
  return JSON.parse(execFileSync("ffprobe", ["-v", "error", ...shown, path]).toString());
}

/** Command names of this process's children. */
async function listChildren(): Promise<string[]> {
  const found: string[] = [];
  for (const pid of (await readdir("/proc")).filter((name) => /^\d+$/.test(name))) {
    const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
    const [, name = "", rest = ""] = /\((.*)\) \S (\d+)/.exec(stat) ?? [];
    if (Number(rest) === process.pid && /^ff/.test(name)) found.push(name);
  }
  return found;
}
