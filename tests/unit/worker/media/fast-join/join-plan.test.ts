import fc from "fast-check";
import { expect, test } from "vitest";
import { Doubt } from "../../../../../worker/media/fast-join/doubt.ts";
import { buildJoinPlan } from "../../../../../worker/media/fast-join/join-plan.ts";

const grid = { samplesPerFrame: 1_152, tailSamples: 1_056, leadSamples: 480 };
const wishes = { grid, gap: 0, crossfade: 0, leastStart: 529, slackFrames: 4 };
const track = fc
  .record({ samples: fc.integer({ min: 40_000, max: 400_000 }), start: fc.constantFrom(0, 1_105, 2_257) })
  .map(({ samples, start }) => ({
    startSample: start,
    endSample: start + samples,
    frames: Math.ceil((start + samples) / 1_152) + 1,
  }));

test("fails when a place is off by more than half a frame, whatever came before it", () => {
  const property = fc.property(fc.array(track, { minLength: 1, maxLength: 60 }), fc.nat(50_000), (tracks, gap) => {
    const plan = buildJoinPlan(tracks, { ...wishes, gap });
    let exact = plan.startSample;
    const laid = plan.spans.filter((span) => span.track !== null);
    for (const [index, span] of laid.entries()) {
      expect(Math.abs(span.from - exact)).toBeLessThanOrEqual(576);
      const { startSample = 0, endSample = 0 } = tracks[index] ?? {};
      expect(span.to - span.from).toBe(endSample - startSample);
      expect(span.from - startSample).toBe(span.frameOffset * 1_152);
      exact += endSample - startSample + gap;
    }
    expect(plan.startSample).toBeGreaterThanOrEqual(529);
    expect(Math.abs(plan.endSample - plan.startSample - plan.idealSamples)).toBeLessThanOrEqual(576);
  });
  fc.assert(property);
});

test("fails when a copied frame reaches into a blend, or seams meet", () => {
  const crossfade = fc.nat(15_000);
  const property = fc.property(fc.array(track, { minLength: 2, maxLength: 20 }), crossfade, (tracks, overlap) => {
    const plan = buildJoinPlan(tracks, { ...wishes, crossfade: overlap });
    let end = 0;
    for (const { blends, firstFrame, endFrame } of plan.seams) {
      const [first, last] = [blends[0], blends.at(-1)];
      expect(firstFrame.most * 1_152 + grid.tailSamples).toBeLessThanOrEqual(first?.from ?? Number.NaN);
      expect(endFrame.least * 1_152 - grid.leadSamples).toBeGreaterThanOrEqual(last?.to ?? Number.NaN);
      expect(firstFrame.least).toBeGreaterThan(end);
      end = endFrame.most;
    }
  });
  fc.assert(property);
});

test("fails when a track of no frames to copy is laid at an end", () => {
  const long = { startSample: 1_105, endSample: 200_000, frames: 175 };
  const short = { startSample: 1_105, endSample: 3_000, frames: 4 };
  expect(() => buildJoinPlan([short, long], wishes)).toThrow(Doubt);
  expect(() => buildJoinPlan([long, short], wishes)).toThrow(Doubt);
  const { seams } = buildJoinPlan([long, short, long], wishes);
  expect(seams.map(({ spans }) => spans.length)).toEqual([3]);
});

test("fails when a crossfade takes more than half of a neighbour, or that is not told", () => {
  const tracks = [200_000, 60_000, 200_000].map((endSample) => ({ startSample: 0, endSample, frames: 200 }));
  const { overlaps } = buildJoinPlan(tracks, { ...wishes, crossfade: 31_000, slackFrames: 0 });
  expect(overlaps).toEqual([
    { samples: 30_000, shortened: true },
    { samples: 30_000, shortened: true },
  ]);
});
