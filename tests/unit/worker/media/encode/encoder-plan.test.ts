import { expect, test } from "vitest";
import { audioFormatNames } from "../../../../../core/kinds/audio-formats.ts";
import { buildEncodeArgs } from "../../../../../worker/media/encode/encode-args.ts";
import { buildEncoderPlan } from "../../../../../worker/media/encode/encoder-plan.ts";

test("fails when a format gets a rate that its codec does not take", () => {
  const rateOf = (format: "mp3" | "m4a" | "opus" | "wav", sampleRateHz: number) =>
    buildEncoderPlan(format, { sampleRateHz, channels: 2 }).sampleRateHz;
  expect([8_000, 44_100, 4_000, 37_800, 96_000, 88_200, 192_000, 384_000].map((rate) => rateOf("mp3", rate))).toEqual([
    8_000, 44_100, 8_000, 44_100, 48_000, 44_100, 48_000, 48_000,
  ]);
  expect([96_000, 176_400, 192_000].map((rate) => rateOf("m4a", rate))).toEqual([96_000, 88_200, 96_000]);
  expect(rateOf("opus", 44_100)).toBe(48_000);
  expect(rateOf("wav", 37_800)).toBe(37_800);
});

test("fails when an mp3's bit rate is not one of its layer, or the input's is not kept", () => {
  const bitRate = (wish: number | null, sampleRateHz = 44_100) =>
    buildEncoderPlan("mp3", { sampleRateHz, channels: 2, bitRate: wish }).bitRate;
  expect([128_000, 128_143, 117_000, 320_000, 999_000].map((wish) => bitRate(wish))).toEqual([
    128_000, 128_000, 128_000, 320_000, 320_000,
  ]);
  expect(bitRate(320_000, 22_050)).toBe(160_000);
  expect(bitRate(320_000, 11_025)).toBe(64_000);
});

test("fails when mono becomes stereo, or surround stays more than mp3 can hold", () => {
  for (const format of audioFormatNames)
    expect(buildEncoderPlan(format, { sampleRateHz: 48_000, channels: 1 }).channels).toBe(1);
  expect(buildEncoderPlan("mp3", { sampleRateHz: 48_000, channels: 6 }).channels).toBe(2);
  expect(buildEncoderPlan("flac", { sampleRateHz: 48_000, channels: 6 }).channels).toBe(6);
});

test("fails when 24 bits are cut to 16 in lossless formats", () => {
  const args = (format: "wav" | "flac") =>
    buildEncoderPlan(format, { sampleRateHz: 48_000, channels: 1, bitsPerSample: 24 }).codecArgs;
  expect(args("wav")).toEqual(["-c:a", "pcm_s24le"]);
  expect(args("flac")).toContain("24");
});

test("fails when the folder's name gets into tee's own language, where brackets and bars mean something", () => {
  const args = buildEncodeArgs({
    plan: buildEncoderPlan("wav", { sampleRateHz: 48_000, channels: 1 }),
    source: { inputArgs: ["-i", "in.wav"], sampleRateHz: 48_000, channels: 1 },
    outPath: "/tmp/a|b[c]/out.wav",
  });
  expect(args.at(-1)).toBe("[f=wav:rf64=auto]out.wav|[f=nut:select=a:flush_packets=0]pipe:1");
});
