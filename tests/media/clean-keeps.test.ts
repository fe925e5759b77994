import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { promisify } from "node:util";
import { beforeAll, expect, test } from "vitest";
import { measureTone, runClean } from "./clean-fixtures.ts";
import { decode, ffmpeg, speak, useMediaFixtures } from "./media-fixtures.ts";

const fixtures = useMediaFixtures();
const execute = promisify(execFile);

interface Found {
  readonly streams: readonly {
    readonly codec_name: string;
    readonly codec_type: string;
    readonly start_time: string;
    readonly duration: string;
    readonly disposition: { readonly attached_pic: number };
    readonly tags?: Readonly<Record<string, string>>;
  }[];
  readonly chapters: readonly {
    readonly start_time: string;
    readonly end_time: string;
    readonly tags?: { readonly title: string };
  }[];
  readonly format: { readonly duration: string; readonly tags?: Readonly<Record<string, string>> };
}

async function look(path: string): Promise<Found> {
  const { stdout } = await execute("ffprobe", [
    "-v",
    "error",
    "-show_format",
    "-show_streams",
    "-show_chapters",
    "-of",
    "json",
    path,
  ]);
  return JSON.parse(stdout) as Found;
}

const titleOf = (found: Found) => {
  const tags = { ...found.format.tags, ...found.streams[0]?.tags };
  return Object.entries(tags).find(([key]) => key.toLowerCase() === "title")?.[1];
};

beforeAll(async () => {
  await speak(
    "Welcome to the first part. And now the second part begins, which is longer.",
    fixtures.file("voice.wav"),
    44_100,
  );
  const meta =
    ";FFMETADATA1\ntitle=Höhe & \\=Tiefe\nartist=Anon\nreplaygain_track_gain=-7.00 dB\n" +
    "[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=2000\ntitle=One\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=2000\nEND=4000\ntitle=Two\n";
  await writeFile(fixtures.file("meta.txt"), meta);
  const inputs = [
    "-i",
    fixtures.file("voice.wav"),
    "-f",
    "lavfi",
    "-i",
    "testsrc=s=64x48:d=0.04:r=25",
    "-i",
    fixtures.file("meta.txt"),
  ];
  const maps = ["-map", "0:a", "-map", "1:v", "-map_metadata", "2", "-map_chapters", "2", "-frames:v", "1"];
  const art = ["-c:v", "mjpeg", "-pix_fmt", "yuvj420p", "-disposition:v", "attached_pic"];
  for (const extension of ["mp3", "m4a", "flac"]) {
    const tags = extension === "mp3" ? ["-id3v2_version", "3"] : [];
    await ffmpeg("-v", "error", ...inputs, ...maps, ...art, ...tags, fixtures.file(`full.${extension}`));
  }
  await ffmpeg(
    "-v",
    "error",
    "-i",
    fixtures.file("voice.wav"),
    "-i",
    fixtures.file("meta.txt"),
    "-map_metadata",
    "1",
    fixtures.file("full.opus"),
  );
});

test.each(["mp3", "m4a", "flac"])(
  "fails when a cleaned %s loses its tags, chapters or cover, or keeps a stale gain tag",
  async (extension) => {
    const { path, warnings } = await runClean(fixtures, fixtures.file(`full.${extension}`));
    const found = await look(path);
    expect(titleOf(found)).toBe("Höhe & =Tiefe");
    // MP4 keeps chapters as a text track, too.
    const streams = found.streams.filter((stream) => stream.codec_type !== "data");
    expect(streams.map((stream) => stream.codec_type)).toEqual(["audio", "video"]);
    expect(streams[1]).toMatchObject({ codec_name: "mjpeg", disposition: { attached_pic: 1 } });
    expect(
      Object.keys({ ...found.format.tags, ...found.streams[0]?.tags }).map((key) => key.toLowerCase()),
    ).not.toContain("replaygain_track_gain");
    if (extension !== "flac") expect(found.chapters.map((chapter) => chapter.tags?.title)).toEqual(["One", "Two"]);
    expect(warnings).toEqual([]);
  },
);

test("fails when tags or cover do not pass from MP3 to Opus and from there to MP3", async () => {
  const toOpus = await runClean(fixtures, fixtures.file("full.mp3"), { format: "opus" });
  const toMp3 = await runClean(fixtures, toOpus.path, { format: "mp3" });
  for (const { path, warnings, steps } of [toOpus, toMp3]) {
    const found = await look(path);
    expect(titleOf(found)).toBe("Höhe & =Tiefe");
    expect(found.streams[1]).toMatchObject({ codec_name: "mjpeg", disposition: { attached_pic: 1 } });
    expect(warnings).toEqual([]);
    expect(JSON.stringify(steps)).not.toContain(fixtures.dir);
    expect(JSON.stringify(steps)).toContain("{out}");
  }
});

test("fails when a cover is dropped in silence where the format holds none", async () => {
  const { warnings } = await runClean(fixtures, fixtures.file("full.flac"), { format: "wav" });
  expect(warnings.map((warning) => warning.code)).toEqual(["cover_dropped"]);
});

test("fails when the format of the input is not kept, or a name with folders gets out", async () => {
  for (const extension of ["mp3", "m4a", "flac", "opus"]) {
    const { outputs } = await runClean(fixtures, fixtures.file(`full.${extension}`));
    expect(outputs[0]?.name).toBe(`full.${extension}`);
  }
});

test("fails when a video loses its picture's packets, or its sound its place beside them", async () => {
  // A beep of 1 kHz from 1.0 to 1.5 s, while the picture flashes; the sound starts 0.5 s after the picture.
  const picture = ["-f", "lavfi", "-i", "color=black:s=64x48:r=25:d=3"];
  const sound = [
    "-itsoffset",
    "0.5",
    "-f",
    "lavfi",
    "-i",
    "sine=f=1000:r=48000:d=2.4,volume='between(t,0.5,1)':eval=frame",
  ];
  await ffmpeg(
    "-v",
    "error",
    ...picture,
    ...sound,
    "-map",
    "0:v",
    "-map",
    "1:a",
    "-c:v",
    "libx264",
    "-c:a",
    "aac",
    fixtures.file("talk.mkv"),
  );
  const { path, outputs, warnings } = await runClean(fixtures, fixtures.file("talk.mkv"), { denoise: false });
  expect(outputs[0]).toMatchObject({ name: "talk.mp4", contentType: "video/mp4" });
  expect(warnings.filter((warning) => warning.code === "video_dropped")).toEqual([]);
  const hash = async (file: string) =>
    (
      await execute("ffmpeg", [
        "-v",
        "error",
        "-i",
        file,
        "-map",
        "0:v",
        "-c",
        "copy",
        "-bsf:v",
        "h264_mp4toannexb",
        "-f",
        "md5",
        "-",
      ])
    ).stdout;
  expect(await hash(path)).toBe(await hash(fixtures.file("talk.mkv")));
  // What a player hears at a time, silence before the first sample included.
  const heard = await decode(path, "-af", "aresample=async=1:first_pts=0", "-ac", "1");
  const rms = (from: number, to: number) =>
    Math.hypot(...heard.subarray(from * 48_000, to * 48_000)) / Math.sqrt((to - from) * 48_000);
  expect(rms(1.02, 1.48)).toBeGreaterThan(0.01);
  expect(rms(0.8, 0.97)).toBeLessThan(0.001);
  expect(rms(1.53, 1.7)).toBeLessThan(0.001);
});

test("fails when a picture is dropped in silence for an audio format, or the sound alone is refused", async () => {
  await ffmpeg(
    "-v",
    "error",
    "-i",
    fixtures.file("voice.wav"),
    "-f",
    "lavfi",
    "-i",
    "color=red:s=64x48:r=25:d=5",
    "-shortest",
    fixtures.file("film.mp4"),
  );
  const { path, warnings } = await runClean(fixtures, fixtures.file("film.mp4"), { format: "mp3" });
  expect((await look(path)).streams.map((stream) => stream.codec_type)).toEqual(["audio"]);
  expect(warnings.map((warning) => warning.code)).toEqual(["video_dropped"]);
});

test("fails when long silences stay, short ones go, or the edit list does not map the words", async () => {
  const rate = 16_000;
  // Tones of 500, 700 and 900 Hz for a second each, 3 s and 0.5 s apart.
  const beep = (hz: number) => `sine=f=${hz}:r=${rate}:d=1`;
  const gap = (seconds: number) => `anullsrc=r=${rate}:cl=mono:d=${seconds}`;
  const parts = [beep(500), gap(3), beep(700), gap(0.5), beep(900)].flatMap((source) => ["-f", "lavfi", "-i", source]);
  await ffmpeg("-v", "error", ...parts, "-filter_complex", "concat=n=5:v=0:a=1", fixtures.file("gaps.wav"));
  const { path, report, outputs } = await runClean(fixtures, fixtures.file("gaps.wav"), { trimSilence: true });
  expect(report.edits).toHaveLength(2);
  const [, second] = report.edits ?? [];
  const result = await decode(path);
  expect(result.length / rate).toBeCloseTo(outputs[0]?.durationSeconds ?? 0, 3);
  expect(result.length / rate).toBeCloseTo(6.5 - 2.4, 1);
  // 700 Hz began at 4.0 s of the input.
  const mapped = (second?.outputStartSeconds ?? 0) + 4 - (second?.inputStartSeconds ?? 0);
  const at = (seconds: number) => result.subarray(Math.round(seconds * rate), Math.round((seconds + 0.1) * rate));
  expect(measureTone(at(mapped + 0.01), 700, rate)).toBeGreaterThan(-40);
  expect(measureTone(at(mapped - 0.12), 700, rate)).toBeLessThan(-60);
});

test("fails when chapters do not move with the words behind a cut", async () => {
  await ffmpeg(
    "-v",
    "error",
    "-i",
    fixtures.file("full.m4a"),
    "-map",
    "0:a",
    "-af",
    "adelay=2500:all=1",
    fixtures.file("late.wav"),
  );
  const meta =
    ";FFMETADATA1\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=2500\ntitle=Wait\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=2500\nEND=5000\ntitle=Go\n";
  await writeFile(fixtures.file("late.txt"), meta);
  await ffmpeg(
    "-v",
    "error",
    "-i",
    fixtures.file("late.wav"),
    "-i",
    fixtures.file("late.txt"),
    "-map_metadata",
    "1",
    "-map_chapters",
    "1",
    fixtures.file("late.mp3"),
  );
  const { path, report } = await runClean(fixtures, fixtures.file("late.mp3"), { trimSilence: true });
  expect(report.edits?.length ?? 0).toBeGreaterThan(1);
  const [, go] = (await look(path)).chapters;
  expect(go?.tags?.title).toBe("Go");
  expect(Number(go?.start_time)).toBeGreaterThan(0.2);
  expect(Number(go?.start_time)).toBeLessThan(0.7);
});
