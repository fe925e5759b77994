import { truncate, writeFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { runFfmpeg } from "../../worker/process/run-ffmpeg.ts";
import { ffmpeg, useMediaFixtures } from "./media-fixtures.ts";

const fixtures = useMediaFixtures();
const tone = (seconds: number) => ["-f", "lavfi", "-i", `sine=d=${seconds}`];

test("fails when progress does not reach the end, or goes backwards", async () => {
  const seen: number[] = [];
  await runFfmpeg(fixtures.toolchain, ["-y", ...tone(20), fixtures.file("tone.mp3")], {
    onProgress: (seconds) => seen.push(seconds),
  });
  expect(seen.at(-1)).toBeGreaterThan(19.9);
  expect(seen).toEqual([...seen].sort((a, b) => a - b));
});

test.runIf(process.platform === "linux")("fails when a full disk is anything but platform_disk_full", async () => {
  const running = runFfmpeg(fixtures.toolchain, ["-y", ...tone(5), "-f", "wav", "/dev/full"]);
  await expect(running).rejects.toMatchObject({ code: "platform_disk_full" });
});

test.runIf(process.platform === "linux")(
  "fails when a file that outgrows its limit is anything but limit_resources",
  async () => {
    const running = runFfmpeg(fixtures.toolchain, ["-y", ...tone(60), fixtures.file("large.wav")], {
      bounds: { fileBytes: 1_000_000 },
    });
    await expect(running).rejects.toMatchObject({ code: "limit_resources" });
  },
);

test.runIf(process.platform === "linux")("fails when a run that eats CPU is anything but limit_resources", async () => {
  const endless = ["-f", "lavfi", "-i", "anoisesrc", "-af", "aresample=192000,aresample=44100", "-f", "null", "-"];
  await expect(runFfmpeg(fixtures.toolchain, endless, { bounds: { cpuSeconds: 1 } })).rejects.toMatchObject({
    code: "limit_resources",
  });
});

test("fails when a damaged input is blamed on the platform, or a missing encoder on the input", async () => {
  await ffmpeg("-v", "error", ...tone(5), "-c:a", "aac", fixtures.file("cut.m4a"));
  await truncate(fixtures.file("cut.m4a"), 9_000);
  const read = (name: string) => runFfmpeg(fixtures.toolchain, ["-i", fixtures.file(name), "-f", "null", "-"]);
  await expect(read("cut.m4a")).rejects.toMatchObject({ code: "input_corrupt" });
  await writeFile(fixtures.file("junk.wav"), "RIFF....WAVEjunk");
  await expect(read("junk.wav")).rejects.toMatchObject({ code: "input_corrupt" });
  const unknown = runFfmpeg(fixtures.toolchain, [...tone(1), "-c:a", "no_such_encoder", "-f", "null", "-"]);
  await expect(unknown).rejects.toMatchObject({ code: "platform_ffmpeg_failed" });
});
