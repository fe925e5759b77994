import { type FrameFilter, joinFrames } from "../../../../../worker/media/pcm/frame-filter.ts";
import { createRandom } from "../../../../fixtures/random.ts";

/** A voice of 120 Hz with formants and syllables, highest near 1; interleaved, the channels at those levels. */
export function makeVoice(rate: number, seconds: number, levels: readonly number[] = [1]): Float32Array {
  const frames = Math.round(rate * seconds);
  const voice = new Float64Array(frames);
  const random = createRandom(7);
  for (let phase = 0, at = 0; at < frames; at++) {
    phase += (120 + 20 * Math.sin((2 * Math.PI * 0.7 * at) / rate)) / rate;
    if (phase < 1) continue;
    phase -= 1;
    const loud = 0.7 + 0.3 * Math.sin((2 * Math.PI * 2.3 * at) / rate) + 0.1 * random();
    for (let off = 0; off < 0.02 * rate && at + off < frames; off++) {
      const time = off / rate;
      const formants = [
        [500, 60, 1],
        [1_500, 90, 0.5],
        [2_600, 150, 0.3],
      ].map(([hz = 0, width = 0, level = 0]) => {
        return level * Math.exp(-Math.PI * width * time) * Math.sin(2 * Math.PI * hz * time);
      });
      voice[at + off] = (voice[at + off] as number) + loud * formants.reduce((sum, value) => sum + value, 0);
    }
  }
  const most = voice.reduce((high, value) => Math.max(high, Math.abs(value)), 0);
  return Float32Array.from(
    { length: frames * levels.length },
    (_, index) =>
      ((voice[Math.floor(index / levels.length)] as number) * (levels[index % levels.length] as number)) / most,
  );
}

/** What a filter gives for those samples in pieces of so many frames, one after the other and over again. */
export function runFilter(filter: FrameFilter, samples: Float32Array, channels: number, steps: readonly number[]) {
  const parts: Float32Array[] = [];
  for (let at = 0, turn = 0; at < samples.length; turn++) {
    const step = (steps[turn % steps.length] ?? samples.length) * channels;
    parts.push(filter.push(samples.subarray(at, at + step)).slice());
    at += step;
  }
  parts.push(filter.finish());
  return joinFrames(parts);
}

/** SI-SDR of `result` against `reference`, dB. */
export function compareWaves(result: Float32Array, reference: Float32Array): number {
  let [cross, power] = [0, 0];
  for (const [at, value] of reference.entries()) {
    cross += value * (result[at] ?? 0);
    power += value * value;
  }
  const scale = cross / power;
  const error = reference.reduce((sum, value, at) => sum + ((result[at] ?? 0) - scale * value) ** 2, 0);
  return 10 * Math.log10((scale * scale * power) / error);
}
