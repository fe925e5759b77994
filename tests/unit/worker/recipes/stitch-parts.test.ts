import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { buildPcmDecodeArgs, buildPcmDecodeGraph } from "../../../../worker/media/pcm/pcm-decode-args.ts";
import { createOversCounter } from "../../../../worker/media/pcm/pcm-overs.ts";
import { settleLength } from "../../../../worker/media/pcm/pcm-source.ts";
import { parseCountedFrames } from "../../../../worker/media/pcm/pcm-taps.ts";
import { samplesToSeconds, toNumber } from "../../../../worker/media/pcm/pcm-time.ts";
import { buildInputArgs } from "../../../../worker/media/probe/input-args.ts";
import type { AudioStream, MediaInfo } from "../../../../worker/media/probe/media-info.ts";
import type { TrueLength } from "../../../../worker/media/probe/true-length.ts";
import { mapBounded } from "../../../../worker/process/map-bounded.ts";
import { matchLoudness } from "../../../../worker/recipes/match-loudness.ts";
import { buildStitchPlan, chooseStitchFormat, type StitchInput } from "../../../../worker/recipes/stitch-plan.ts";

const known: TrueLength = {
  inputArgs: ["-flags2", "+skip_manual"],
  startSample: 10,
  samples: 44_100,
  source: "granule",
};
const unknown: TrueLength = { inputArgs: [], startSample: 0, samples: null, source: "decoded" };

function inputOf(stream: Partial<AudioStream>, media: Partial<MediaInfo> = {}, trueLength = unknown): StitchInput {
  const complete: AudioStream = {
    index: 0,
    codec: "pcm_s16le",
    profile: null,
    sampleRateHz: 44_100,
    channels: 1,
    channelLayout: null,
    bitRate: null,
    bitsPerSample: null,
    durationSeconds: 1,
    startSeconds: 0,
    durationTs: null,
    startPts: null,
    timeBase: null,
    initialPadding: null,
    tags: {},
    ...stream,
  };
  return {
    stream: complete,
    trueLength,
    media: {
      path: "/tmp/a b'c.wav",
      name: "a.wav",
      sizeBytes: 1,
      formatName: "wav",
      durationSeconds: 1,
      bitRate: null,
      tags: {},
      chapterCount: 0,
      chapters: [],
      streamCount: 1,
      audio: [complete],
      video: [],
      demuxers: ["wav"],
      ...media,
    },
  };
}

const stereo48 = { sampleRateHz: 48_000, channels: 2, channelLayout: "stereo" };

describe("decoding arguments", () => {
  test("fails when a file is cut behind the resampler, or opened without its guards", () => {
    const input = inputOf({}, {}, known);
    const args = buildPcmDecodeArgs({ ...input, target: stereo48, gainDb: -3.5 });
    expect(args.slice(0, args.indexOf("-filter_complex"))).toEqual([
      ...["-flags2", "+skip_manual", ...buildInputArgs(input.media)],
    ]);
    expect(buildInputArgs(input.media).join(" ")).toMatch(
      /^-protocol_whitelist file,pipe -format_whitelist wav .*-i file:\/tmp\/a b'c\.wav$/,
    );
    expect(args[args.indexOf("-filter_complex") + 1]).toBe(
      "[0:a:0]anull,atrim=start_sample=10:end_sample=44110,volume=-3.5dB:precision=float," +
        "aresample=48000:filter_size=64:exact_rational=1:osf=flt,pan=stereo|c0=c0|c1=c0," +
        "aformat=sample_fmts=flt:channel_layouts=stereo,asetnsamples=16384:p=0[out]",
    );
  });

  test("fails when what is right already is converted", () => {
    const input = inputOf({ sampleRateHz: 48_000, channels: 2 });
    expect(buildPcmDecodeGraph({ ...input, target: stereo48, gainDb: 0 })).toBe(
      "[0:a:0]anull,aformat=sample_fmts=flt:channel_layouts=stereo,asetnsamples=16384:p=0[out]",
    );
  });

  test("fails when a tap hears the gain", () => {
    const graph = buildPcmDecodeGraph({ ...inputOf({}), target: stereo48, gainDb: 2, tap: "volumedetect" });
    expect(graph).toMatch(/asplit=2\[tapped\]\[kept\];\[tapped\]volumedetect,anullsink;\[kept\]anull,volume=2dB/);
  });
});

describe("taps", () => {
  test("fails when the counts of a graph that was set up again are not added", () => {
    expect(parseCountedFrames("x n_samples: 0\ny n_samples: 2000\nz n_samples: 400\n", 2)).toBe(1200);
    expect(parseCountedFrames("", 2)).toBeNull();
  });
});

describe("an input's exact length", () => {
  const settle = (trueLength: TrueLength, rate: number, seen: number, counted: number | null = null) => {
    const { length, missingSeconds } = settleLength(
      { ...inputOf({ sampleRateHz: rate }), trueLength, target: stereo48 },
      seen,
      counted,
    );
    return { length, missingSeconds };
  };
  const promised = (samples: number): TrueLength => ({ ...known, samples });

  test("fails when a resampler's frame more or less changes the length", () => {
    for (const seen of [48_001, 48_002, 47_998]) {
      expect(settle(promised(44_101), 44_100, seen)).toEqual({
        length: samplesToSeconds(44_101, 44_100),
        missingSeconds: 0,
      });
    }
  });

  test("fails when a file that ends early keeps its promised length", () => {
    const { length, missingSeconds } = settle(promised(44_100), 44_100, 24_000);
    expect(toNumber(length)).toBe(0.5);
    expect(missingSeconds).toBe(0.5);
    expect(settle(promised(48_000), 48_000, 47_999).length).toEqual(samplesToSeconds(47_999, 48_000));
  });

  test("fails when a few samples, which the resampler swallows, vanish", () => {
    expect(settle(promised(17), 44_100, 0)).toEqual({ length: samplesToSeconds(17, 44_100), missingSeconds: 0 });
  });

  test("fails when the decoder's count is worth less than the resampled frames", () => {
    expect(settle(unknown, 44_100, 48_002, 44_101).length).toEqual(samplesToSeconds(44_101, 44_100));
    expect(settle(unknown, 48_000, 100).length).toEqual(samplesToSeconds(100, 48_000));
  });
});

describe("what is joined to what", () => {
  test("fails when rate, channels or bits are less than the best of the inputs", () => {
    const inputs = [inputOf({ bitsPerSample: 16 }), inputOf({ sampleRateHz: 96_000, channels: 2, bitsPerSample: 24 })];
    const plan = buildStitchPlan(inputs, "wav");
    expect(plan.target).toEqual({ sampleRateHz: 96_000, channels: 2, channelLayout: "stereo" });
    expect(plan.encoder.codec).toBe("pcm_s24le");
    expect(buildStitchPlan(inputs, "opus").target.sampleRateHz).toBe(48_000);
    expect(buildStitchPlan([inputOf({ channels: 6 })], "mp3").target.channels).toBe(2);
    expect(buildStitchPlan([inputOf({ channels: 6 })], "flac").target.channelLayout).toBe("5.1");
  });

  test("fails when the inputs' bit rate is not kept where the codec stays", () => {
    const mono = inputOf({ codec: "mp3", bitRate: 64_000 });
    const stereo = inputOf({ codec: "mp3", bitRate: 96_000, channels: 2 });
    const foreign = inputOf({ codec: "aac", bitRate: 320_000, channels: 2 });
    expect(buildStitchPlan([mono], "mp3").encoder.bitRate).toBe(64_000);
    // 64 kbit/s a channel, for two.
    expect(buildStitchPlan([mono, stereo], "mp3").encoder.bitRate).toBe(128_000);
    const byDefault = buildStitchPlan([inputOf({ channels: 2 })], "mp3").encoder.bitRate;
    expect(buildStitchPlan([foreign], "mp3").encoder.bitRate).toBe(byDefault);
  });

  test.each([
    ["pcm_s24le", "wav", "wav"],
    ["mp3", "mp3", "mp3"],
    ["aac", "mov,mp4,m4a,3gp,3g2,mj2", "m4a"],
    ["alac", "mov,mp4,m4a,3gp,3g2,mj2", "flac"],
    ["flac", "ogg", "flac"],
    ["vorbis", "ogg", "opus"],
    ["wmav2", "asf", "m4a"],
  ])("fails when %s in %s is not written as %s by default", (codec, formatName, format) => {
    expect(chooseStitchFormat(inputOf({ codec }, { formatName }))).toBe(format);
  });

  test("fails when tags of one file only, or of its encoder, are taken over", () => {
    const tags = {
      TITLE: "A; b\n=c",
      encoder: "LAME",
      iTunSMPB: "0",
      track: "3",
      artist: "X",
      REPLAYGAIN_TRACK_GAIN: "-3",
    };
    expect(buildStitchPlan([inputOf({}, { tags })], "mp3").tagArgs).toEqual([
      ...["-metadata", "title=A; b\n=c", "-metadata", "artist=X"],
    ]);
  });
});

describe("one loudness for all", () => {
  const input = (integratedLufs: number | null, truePeakDbtp: number | null, seconds: number) => ({
    ...{ integratedLufs, truePeakDbtp, seconds },
  });

  test("fails when the target is not the mean of the energy", () => {
    const { targetLufs, gainsDb } = matchLoudness([input(-20, -10, 30), input(-30, -20, 10)]);
    expect(targetLufs).toBeCloseTo(10 * Math.log10((30 * 0.01 + 10 * 0.001) / 40), 6);
    expect(gainsDb[0]).toBeCloseTo(-1.11, 1);
    expect(gainsDb[1]).toBeCloseTo(8.89, 1);
  });

  test("fails when a gain lifts any true peak above -1 dBTP, or raises one that stands above it", () => {
    const arbitrary = fc.record({
      integratedLufs: fc.option(fc.double({ min: -60, max: 0, noNaN: true })),
      truePeakDbtp: fc.option(fc.double({ min: -60, max: 3, noNaN: true })),
      seconds: fc.double({ min: 0.5, max: 1000, noNaN: true }),
    });
    fc.assert(
      fc.property(fc.array(arbitrary, { maxLength: 20 }), (inputs) => {
        const { targetLufs, gainsDb, heldBackDb } = matchLoudness(inputs);
        expect(gainsDb.length).toBe(inputs.length);
        for (const [index, { integratedLufs, truePeakDbtp }] of inputs.entries()) {
          const gain = gainsDb[index] ?? Number.NaN;
          if (truePeakDbtp !== null)
            expect(truePeakDbtp + Math.max(0, gain)).toBeLessThanOrEqual(Math.max(-1, truePeakDbtp) + 1e-9);
          if (integratedLufs === null) expect(gain).toBe(0);
          else expect(integratedLufs + gain + (heldBackDb[index] ?? 0)).toBeCloseTo(targetLufs ?? Number.NaN, 1);
        }
      }),
    );
  });

  test("fails when silence alone has a target", () => {
    expect(matchLoudness([input(null, null, 5)])).toEqual({ targetLufs: null, gainsDb: [0], heldBackDb: [0] });
  });
});

describe("samples above full scale", () => {
  test("fails when one is missed or a full-scale sample is counted, at any place", () => {
    const loud = Float32Array.of(1, -1, 1.5, -2, 0.3, 0, -1.0001);
    for (const before of [0, 1, 16_380, 16_384, 40_001]) {
      const samples = new Float32Array(before + loud.length);
      samples.set(loud, before);
      const counter = createOversCounter();
      counter.push(samples);
      counter.push(Float32Array.of(0.5));
      expect({ count: counter.count, peak: counter.peak }).toEqual({ count: 3, peak: 2 });
    }
  });
});

describe("mapping with a bound", () => {
  test("fails when more run at once than allowed, or the order is lost", async () => {
    let running = 0;
    let most = 0;
    const results = await mapBounded([30, 5, 20, 1], 2, async (ms) => {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setTimeout(resolve, ms));
      running--;
      return ms;
    });
    expect({ results, most }).toEqual({ results: [30, 5, 20, 1], most: 2 });
  });

  test("fails when work goes on behind the caller's back after a failure", async () => {
    const started: number[] = [];
    let running = 0;
    const failing = mapBounded([0, 1, 2, 3, 4], 2, async (item) => {
      started.push(item);
      running++;
      await new Promise((resolve) => setTimeout(resolve, item === 0 ? 1 : 20));
      running--;
      if (item === 0) throw new Error("first");
    });
    await expect(failing).rejects.toThrow("first");
    expect({ started, running }).toEqual({ started: [0, 1], running: 0 });
  });
});
