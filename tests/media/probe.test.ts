import { execFileSync } from "node:child_process";
import { chmod, copyFile, mkdir, readFile, symlink, truncate, writeFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { MixdownError } from "../../core/errors.ts";
import { probeMedia } from "../../worker/media/probe/probe.ts";
import { ffmpeg, useMediaFixtures } from "./media-fixtures.ts";

const fixtures = useMediaFixtures();
const probe = (name: string) => probeMedia(fixtures.toolchain, fixtures.file(name), name);

async function codeOf(name: string): Promise<string> {
  const error = await probe(name).then(
    () => expect.fail(`${name} should have been refused`),
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(MixdownError);
  expect((error as MixdownError).message).toContain(name);
  return (error as MixdownError).code;
}

const sine = ["-f", "lavfi", "-i", "sine=d=2:r=44100"];

test("fails when a common format is refused or its numbers are wrong", async () => {
  const formats = [
    "wav",
    "flac",
    "mp3",
    "m4a",
    "opus",
    "ogg",
    "mkv",
    "aiff",
    "w64",
    "caf",
    "aac",
    "au",
    "ts",
    "avi",
    "wma",
  ];
  for (const extension of formats) {
    const name = `tone.${extension}`;
    await ffmpeg("-v", "error", ...sine, "-ac", "2", fixtures.file(name));
    const media = await probe(name);
    expect(media.audio).toHaveLength(1);
    expect(media.audio[0]).toMatchObject({ channels: 2, sampleRateHz: extension === "opus" ? 48_000 : 44_100 });
    expect(Math.abs((media.durationSeconds ?? 0) - 2)).toBeLessThan(0.2);
  }
});

test("fails when tags, chapters, cover art or bit depth are not seen", async () => {
  const meta = fixtures.file("meta.txt");
  await writeFile(meta, ";FFMETADATA1\ntitle=Hello\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=1000\ntitle=One\n");
  const art = ["-f", "lavfi", "-i", "color=red:s=32x48:d=0.04:r=25"];
  const map = ["-map", "0:a", "-map", "1:v", "-map_metadata", "2", "-map_chapters", "2", "-frames:v", "1"];
  await ffmpeg(
    "-v",
    "error",
    ...sine,
    ...art,
    "-i",
    meta,
    ...map,
    "-c:v",
    "mjpeg",
    "-disposition:v",
    "attached_pic",
    fixtures.file("art.mp3"),
  );
  const media = await probe("art.mp3");
  expect(media.tags.title).toBe("Hello");
  expect(media.chapterCount).toBe(1);
  expect(media.video).toMatchObject([{ attachedPicture: true, width: 32, height: 48 }]);
  await ffmpeg("-v", "error", ...sine, "-c:a", "pcm_s24le", fixtures.file("deep.wav"));
  expect((await probe("deep.wav")).audio[0]?.bitsPerSample).toBe(24);
});

test("fails when a playlist, script or description is opened under the name of an audio file", async () => {
  await ffmpeg("-v", "error", ...sine, fixtures.file("seg.ts"));
  const segment = `file://${fixtures.file("seg.ts")}`;
  const scripts = {
    "hls.mp3": `#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n${segment}\n#EXT-X-ENDLIST\n`,
    "bom.mp3": `\uFEFF#EXTM3U\n${segment}\n`,
    "concat.wav": "ffconcat version 1.0\nfile seg.ts\n",
    "session.mp3": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 5004 RTP/AVP 0\n",
    "dash.mp4": `<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"></MPD>`,
  };
  for (const [name, text] of Object.entries(scripts)) {
    await writeFile(fixtures.file(name), text);
    expect(await codeOf(name)).toBe("input_format_refused");
  }
});

test("fails when a playlist hidden behind an MP3's first bytes reaches a demuxer that follows it", async () => {
  await ffmpeg("-v", "error", ...sine, fixtures.file("inner.ts"));
  const playlist = `#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n${fixtures.file("inner.ts")}\n#EXT-X-ENDLIST\n`;
  await writeFile(
    fixtures.file("wrapped.mp3"),
    Buffer.concat([Buffer.from("ID3\x04\0\0\0\0\0\0", "latin1"), Buffer.from(playlist)]),
  );
  expect(await codeOf("wrapped.mp3")).toBe("input_corrupt");
});

test("fails when something that is no file, or no media, is not told by its own code", async () => {
  await writeFile(fixtures.file("empty.mp3"), "");
  await writeFile(fixtures.file("text.wav"), "just words ".repeat(100));
  await mkdir(fixtures.file("folder.mp3"));
  execFileSync("mkfifo", [fixtures.file("pipe.mp3")]);
  await symlink(fixtures.file("gone"), fixtures.file("dangling.mp3"));
  expect(await codeOf("missing.mp3")).toBe("input_not_found");
  expect(await codeOf("dangling.mp3")).toBe("input_not_found");
  expect(await codeOf("empty.mp3")).toBe("input_empty");
  expect(await codeOf("folder.mp3")).toBe("input_unreadable");
  expect(await codeOf("pipe.mp3")).toBe("input_unreadable");
  expect(await codeOf("text.wav")).toBe("input_not_media");
});

test.skipIf(process.getuid?.() === 0)("fails when a file without read permission is not input_unreadable", async () => {
  await writeFile(fixtures.file("secret.mp3"), "x");
  await chmod(fixtures.file("secret.mp3"), 0);
  expect(await codeOf("secret.mp3")).toBe("input_unreadable");
});

test("fails when a truncated WAV or MP4 is not input_truncated, or a damaged header not input_corrupt", async () => {
  await ffmpeg("-v", "error", ...sine, fixtures.file("cut.wav"));
  await truncate(fixtures.file("cut.wav"), 90_000);
  expect(await codeOf("cut.wav")).toBe("input_truncated");
  await ffmpeg("-v", "error", ...sine, fixtures.file("cut.m4a"));
  await truncate(fixtures.file("cut.m4a"), 10_000);
  expect(await codeOf("cut.m4a")).toBe("input_truncated");
  const flac = Buffer.concat([Buffer.from("fLaC"), Buffer.alloc(3_000, 0xaa)]);
  await writeFile(fixtures.file("bad.flac"), flac);
  expect(await codeOf("bad.flac")).toBe("input_corrupt");
});

test("fails when a WAV of unknown length, as recorders stream it, is taken for a truncated one", async () => {
  await ffmpeg("-v", "error", ...sine, fixtures.file("whole.wav"));
  const bytes = await readFile(fixtures.file("whole.wav"));
  bytes.writeUInt32LE(0xffffffff, bytes.indexOf("data") + 4);
  await writeFile(fixtures.file("streamed.wav"), bytes);
  expect((await probe("streamed.wav")).audio).toHaveLength(1);
});

test("fails when a video without sound is not input_no_audio, or the message hides what was found", async () => {
  await ffmpeg(
    "-v",
    "error",
    "-f",
    "lavfi",
    "-i",
    "testsrc=d=0.2:s=64x64",
    "-pix_fmt",
    "yuv420p",
    fixtures.file("mute.mp4"),
  );
  const error = await probe("mute.mp4").catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: "input_no_audio" });
  expect((error as MixdownError).message).toContain("video h264");
});

test("fails when too many channels pass, or names like options and protocols do not", async () => {
  await ffmpeg("-v", "error", "-f", "lavfi", "-i", "anullsrc=cl=hexadecagonal:d=0.1", fixtures.file("many.wav"));
  expect(await codeOf("many.wav")).toBe("limit_channels");
  await ffmpeg("-v", "error", ...sine, fixtures.file("plain.wav"));
  for (const name of ["-i.wav", "http:x.wav", "a b'\"é.wav"]) {
    await copyFile(fixtures.file("plain.wav"), fixtures.file(name));
    expect((await probe(name)).audio).toHaveLength(1);
  }
});
