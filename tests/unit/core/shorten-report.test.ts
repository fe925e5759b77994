import { describe, expect, test } from "vitest";
import { limits } from "../../../core/limits.ts";
import { type Measurement, reportSchema } from "../../../core/report.ts";
import { type RunStory, shortenStory } from "../../../core/shorten-report.ts";

const measurement = (index: number): Measurement => ({
  integratedLufs: index === 7 ? null : -20 - index / 4,
  truePeakDbtp: -3 - index / 1_000,
  loudnessRangeLu: 3.4567891,
  noiseFloorDbfs: -61.23456789,
  durationSeconds: 2.5,
  sampleRateHz: 48_000,
  channels: 2,
  codec: "pcm_s16le",
  measured: "whole",
});

const storyOf = (inputs: number, argument = "aresample=48000"): RunStory => ({
  report: {
    before: Array.from({ length: inputs }, (_, index) => measurement(index)),
    after: measurement(0),
    join: {
      way: "exact",
      reason: "they differ",
      pieces: Array.from({ length: inputs }, (_, index) => ({ startSeconds: index, durationSeconds: 1, gainDb: 0 })),
      driftMs: 0,
    },
  },
  warnings: Array.from({ length: inputs }, (_, index) => ({ code: "cut_off", detail: `Part ${index} ends early.` })),
  engine: {
    mixdown: "0",
    ffmpeg: "7",
    steps: Array.from({ length: inputs }, (_, index) => ({ argv: ["ffmpeg", "-i", `{in${index}}`, "-af", argument] })),
  },
});

const sizeOf = (story: RunStory): number => JSON.stringify(story).length;

describe("the story of a run", () => {
  test("fails when one that fits is touched", () => {
    const story = storyOf(20);
    expect(shortenStory(story)).toBe(story);
  });

  test("fails when a thousand inputs do not fit, lose their counts, or break the schema", () => {
    const whole = storyOf(1_000, "x".repeat(300));
    const story = shortenStory(whole);
    expect(sizeOf(whole)).toBeGreaterThan(400_000);
    expect(sizeOf(story)).toBeLessThanOrEqual(limits.reportBytes);
    expect(reportSchema.parse(story.report)).toEqual(story.report);
    expect(story.report.shortened).toEqual({
      output: "report.json",
      counts: { "report.before": 1_000, "report.join.pieces": 1_000, warnings: 1_000, "engine.steps": 1_000 },
      beforeSeconds: 2_500,
      beforeLufs: { min: -269.75, max: -20 },
      beforePeakDbtp: -3,
    });
    expect(story.report.before.length).toBeGreaterThanOrEqual(25);
    expect(story.report.before).toEqual(whole.report.before.slice(0, story.report.before.length));
    expect(story.report.after).toEqual(whole.report.after);
    expect(story.engine.steps[0]).toEqual(whole.engine.steps[0]);
  });

  test("fails when one enormous argument, or arguments without number, do not fit", () => {
    const graph = shortenStory(storyOf(1, "concat;".repeat(100_000)));
    expect(sizeOf(graph)).toBeLessThanOrEqual(limits.reportBytes);
    expect(graph.report.before).toHaveLength(1);
    const many = storyOf(1);
    const argv = Array.from({ length: 50_000 }, (_, index) => `-i {in${index}}`);
    const fitted = shortenStory({ ...many, engine: { ...many.engine, steps: [{ argv }, { argv: [] }] } });
    expect(sizeOf(fitted)).toBeLessThanOrEqual(limits.reportBytes);
    expect(fitted.report.shortened?.counts).toEqual({ "engine.steps[].argv": 50_000 });
  });

  test("fails when nothing can make it fit and it never ends, or when silence has a loudness", () => {
    const story = storyOf(3_000);
    const silent = story.report.before.map((one) => ({ ...one, integratedLufs: null, truePeakDbtp: null }));
    const fitted = shortenStory({ ...story, report: { ...story.report, before: silent } });
    expect(fitted.report.shortened).toMatchObject({ beforeLufs: null, beforePeakDbtp: null });
    expect(fitted.report.before.length).toBeGreaterThan(0);
  });
});
