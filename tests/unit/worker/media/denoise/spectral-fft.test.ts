import { expect, test } from "vitest";
import { createRealFft } from "../../../../../worker/media/denoise/spectral-fft.ts";
import { makeWhite } from "../../../../fixtures/speech-noise.ts";

test.each([16, 32, 64, 512, 1_024])("fails when %d points are not transformed as the definition says", (size) => {
  const samples = Float64Array.from(makeWhite(size, size));
  const [re, im] = [new Float64Array(size / 2 + 1), new Float64Array(size / 2 + 1)];
  createRealFft(size).forward(samples, re, im);
  for (let bin = 0; bin <= size / 2; bin += Math.max(1, size >> 5)) {
    let [real, imaginary] = [0, 0];
    for (let at = 0; at < size; at++) {
      const angle = (2 * Math.PI * ((bin * at) % size)) / size;
      real += (samples[at] ?? 0) * Math.cos(angle);
      imaginary -= (samples[at] ?? 0) * Math.sin(angle);
    }
    expect(re[bin]).toBeCloseTo(real, 9);
    expect(im[bin]).toBeCloseTo(imaginary, 9);
  }
});

test.each([16, 32, 2_048, 4_096])("fails when %d points do not come back", (size) => {
  const samples = Float64Array.from(makeWhite(size, 1));
  const [re, im] = [new Float64Array(size / 2 + 1), new Float64Array(size / 2 + 1)];
  const back = new Float64Array(size);
  const fft = createRealFft(size);
  fft.forward(samples, re, im);
  fft.inverse(re, im, back);
  const worst = samples.reduce((most, value, at) => Math.max(most, Math.abs(value - (back[at] ?? 0))), 0);
  expect(worst).toBeLessThan(1e-13);
});

test.each([0, 8, 100, 2_047])("fails when a size of %d is accepted", (size) => {
  expect(() => createRealFft(size)).toThrow(RangeError);
});
