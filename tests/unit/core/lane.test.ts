import fc from "fast-check";
import { expect, test } from "vitest";
import { estimateSeconds, firstLane, guessDurationSeconds, throughput } from "../../../core/lane.ts";
import { limits } from "../../../core/limits.ts";

const aws = { lanes: "aws", lambdaLane: true } as const;

test("fails when a laptop's job leaves its one lane", () => {
  expect(firstLane({ lanes: "embedded" }, "clean", { sizeBytes: 1, durationSeconds: 1 })).toBe("embedded");
});

test("fails when short work does not go to the function, or long, large or unknown work does", () => {
  expect(firstLane(aws, "clean", { sizeBytes: 1e6, durationSeconds: 60 })).toBe("lambda");
  expect(firstLane(aws, "clean", null)).toBe("fargate-spot");
  expect(firstLane(aws, "clean", { sizeBytes: 1e6, durationSeconds: 24 * 3_600 })).toBe("fargate-spot");
  expect(firstLane(aws, "stitch", { sizeBytes: 2e9, durationSeconds: 60 })).toBe("fargate-spot");
  expect(firstLane({ lanes: "aws" }, "clean", { sizeBytes: 1e6, durationSeconds: 60 })).toBe("fargate-spot");
});

test("fails when more sound is expected to take less time, or the function's bound is passed", () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...(Object.keys(throughput) as (keyof typeof throughput)[])),
      fc.nat(200_000),
      fc.nat(200_000),
      fc.double({ min: 0.1, max: 20, noNaN: true }),
      (kind, a, b, slowness) => {
        const [less, more] = [Math.min(a, b), Math.max(a, b)].map((durationSeconds) => ({
          sizeBytes: 1,
          durationSeconds,
        }));
        if (less === undefined || more === undefined) throw new Error("there are two");
        const [short, long] = [estimateSeconds(kind, less, slowness), estimateSeconds(kind, more, slowness)];
        expect(short).not.toBeNull();
        expect(long).toBeGreaterThanOrEqual(short as number);
        if (firstLane(aws, kind, more) === "lambda")
          expect(estimateSeconds(kind, more)).toBeLessThanOrEqual(limits.lambdaLane.expectedSeconds);
      },
    ),
  );
});

test("fails when usual recordings are thought shorter than they are", () => {
  // 48 kHz stereo of 24 bit, and speech at 96 kbit/s.
  expect(guessDurationSeconds(288_000 * 60, "audio/wav")).toBeGreaterThanOrEqual(60);
  expect(guessDurationSeconds(12_000 * 60, "audio/mpeg")).toBeGreaterThanOrEqual(60);
  expect(guessDurationSeconds(12_000 * 60, "application/octet-stream")).toBeGreaterThanOrEqual(60);
});
