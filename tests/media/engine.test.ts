import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { expect, onTestFinished, test } from "vitest";
import { limits } from "../../core/limits.ts";
import { createMediaEngine } from "../../worker/engine.ts";
import { buildTestJob } from "../fixtures/jobs.ts";
import { ffmpeg, useMediaFixtures } from "./media-fixtures.ts";

const fixtures = useMediaFixtures();

async function processStitch(inputs: number) {
  const part = fixtures.file("part.wav");
  await ffmpeg("-v", "error", "-f", "lavfi", "-i", "sine=440:d=0.05", part);
  const scratchDir = fixtures.file("scratch");
  const engine = createMediaEngine({ scratchDir, toolchain: fixtures.toolchain, mixdownVersion: "0" });
  onTestFinished(() => engine.close());
  return engine.process({
    job: buildTestJob({ kind: "stitch", params: { gapMs: 0, crossfadeMs: 0, matchLoudness: false, join: "exact" } }),
    inputs: Array.from({ length: inputs }, (_, index) => ({ path: part, name: `part-${index}.wav` })),
    signal: new AbortController().signal,
    onProgress: () => {},
  });
}

test("fails when the report of very many inputs fills the job's document, or its whole is kept nowhere", async () => {
  const { outputs, report, warnings, engine } = await processStitch(120);
  expect(JSON.stringify({ report, warnings, engine }).length).toBeLessThanOrEqual(limits.reportBytes);
  expect(report.shortened?.counts["report.before"]).toBe(120);
  const kept = outputs.find((output) => output.name === report.shortened?.output);
  expect(kept?.contentType).toBe("application/json");
  const whole = JSON.parse(await readFile(kept?.path ?? "", "utf8"));
  expect(whole.report.before).toHaveLength(120);
  expect(whole.report.before.slice(0, report.before.length)).toEqual(report.before);
  expect(whole.report.shortened).toBeUndefined();
  expect(whole.engine.steps.length).toBeGreaterThanOrEqual(120);
});

test("fails when a report of the usual size is shortened, or kept twice", async () => {
  const { outputs, report } = await processStitch(2);
  expect(report.shortened).toBeUndefined();
  expect(outputs.map((output) => output.name)).not.toContain("report.json");
  expect(existsSync(outputs[0]?.path ?? "")).toBe(true);
});
