import { readFileSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { Readable } from "node:stream";
import { expect, test } from "vitest";
import type { EncodeRequest } from "../../worker/media/encode/encode.ts";
import { encodeInStretches, encodeOnCores, planStretches } from "../../worker/media/encode/encode-parallel.ts";
import { buildEncoderPlan } from "../../worker/media/encode/encoder-plan.ts";
import { Doubt } from "../../worker/media/fast-join/doubt.ts";
import { decode } from "./media-fixtures.ts";
import { type Shape, seconds, shapes, useStretchFixtures } from "./stretch-fixtures.ts";

const { fixtures, buildRequest } = useStretchFixtures();

test("fails when an abort in the middle leaves a process, or hides its reason", async () => {
  const [shape] = shapes as [Shape];
  const controller = new AbortController();
  const endless = Readable.from(
    (async function* () {
      for (;;) yield Buffer.alloc(65_536);
    })(),
    { objectMode: false },
  );
  const { sampleRateHz, channels } = shape;
  const request = buildRequest(shape, "never.mp3", {
    ...{ source: { pcm: endless, sampleRateHz, channels }, signal: controller.signal },
    onProgress: () => controller.abort(new Error("enough")),
  });
  await expect(encodeInStretches(request, { lanes: 2, stretchFrames: 150 })).rejects.toThrow("enough");
  expect(endless.destroyed).toBe(true);
  expect(await findChildren()).toEqual([]);
});

/** Processes that this one started and that still run. */
async function findChildren(): Promise<string[]> {
  const found: string[] = [];
  for (const pid of (await readdir("/proc")).filter((name) => /^\d+$/.test(name))) {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
      if (stat.includes("(ffmpeg)") && stat.slice(stat.lastIndexOf(")")).split(" ")[2] === String(process.pid))
        found.push(pid);
    } catch {
      // It ended while we looked.
    }
  }
  return found;
}

test("fails when an encoder's own reason is lost, or a source that breaks leaves a finished result", async () => {
  const [shape] = shapes as [Shape];
  const plan = { ...buildEncoderPlan("mp3", shape), codecArgs: ["-c:a", "no_such_codec"] };
  const how = { lanes: 2, stretchFrames: 150 };
  await expect(encodeInStretches(buildRequest(shape, "no.mp3", { plan }), how)).rejects.toMatchObject({
    code: "platform_ffmpeg_failed",
    message: expect.stringContaining("no_such_codec"),
  });
  const broken = Readable.from(
    (function* () {
      yield Buffer.alloc(800_000);
      throw new Error("the disk went away");
    })(),
  );
  const { sampleRateHz, channels } = shape;
  const request = buildRequest(shape, "no.mp3", { source: { pcm: broken, sampleRateHz, channels } });
  await expect(encodeInStretches(request, how)).rejects.toThrow("the disk went away");
});

test("fails when stretches that do not fit are joined, rather than encoded by one encoder", async () => {
  const [shape] = shapes as [Shape];
  let opened = 0;
  const open = () => {
    opened++;
    return buildRequest(shape, "again.mp3");
  };
  const encode = async (request: EncodeRequest) => {
    if ("pcm" in request.source) request.source.pcm.destroy();
    throw new Doubt("has stretches that do not fit");
  };
  const { reading } = await encodeOnCores(open, { choose: () => ({ lanes: 2, stretchFrames: 150 }), encode });
  expect(opened).toBe(2);
  expect(reading.frames).toBe(seconds * shape.sampleRateHz);
  expect((await decode(fixtures.file("again.mp3"))).length).toBe(seconds * shape.sampleRateHz * 2);
});

test("fails when several encoders are started for what is short, resampled, filtered or no mp3", () => {
  const [shape] = shapes as [Shape];
  const long = { expectedFrames: 600 * shape.sampleRateHz };
  const plan = (over: Partial<EncodeRequest>) => planStretches(buildRequest(shape, "x.mp3", { ...long, ...over }));
  expect(plan({ expectedFrames: 60 * shape.sampleRateHz })).toBeNull();
  expect(plan({ filter: "volume=1" })).toBeNull();
  expect(plan({ plan: buildEncoderPlan("m4a", shape) })).toBeNull();
  expect(plan({ plan: buildEncoderPlan("mp3", { ...shape, sampleRateHz: 48_000 }) })).toBeNull();
  expect(plan({ source: { inputArgs: [], ...shape } })).toBeNull();
});
