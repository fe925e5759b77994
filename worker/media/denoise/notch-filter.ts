import { startKernel } from "../../kernels/run-kernel.ts";
import { type FloatRoom, freshRoom } from "../pcm/float-room.ts";
import type { FrameFilter } from "../pcm/frame-filter.ts";
import type { HumFindings } from "./hum-survey.ts";

/** Wide enough that a line 0.2 Hz beside its estimate still goes down by 20 dB. */
const widthHz = 4;
/** After that a notch has forgotten what came before, to −100 dB: its envelope falls by e in 1/(π · width). */
export const notchMemorySeconds = 1;
const mostFrames = 8_192;

interface NotchFormat {
  readonly sampleRateHz: number;
  readonly channels: number;
  /** @default freshRoom */
  readonly room?: FloatRoom;
}

/**
 * A notch at each harmonic that was found, in double precision: poles this close to the unit circle need it. R. Bristow-
 * Johnson's audio EQ cookbook, notch, the width given in Hz.
 */
export function createNotchFilter({ fundamentalHz, harmonics }: HumFindings, format: NotchFormat): FrameFilter {
  const { sampleRateHz, channels, room: output = freshRoom } = format;
  const frequencies = harmonics.map((k) => k * fundamentalHz).filter((hz) => hz < sampleRateHz / 2);
  const settings = frequencies.flatMap((hz) => {
    const w = (2 * Math.PI * hz) / sampleRateHz;
    const alpha = (Math.sin(w) * widthHz) / (2 * hz);
    return [1 / (1 + alpha), (-2 * Math.cos(w)) / (1 + alpha), (1 - alpha) / (1 + alpha)];
  });
  // They go in pairs: one more that lets all through.
  if (frequencies.length % 2 === 1) settings.push(1, 0, 1);
  const kernel = startKernel("notch", [channels, settings.length / 3, mostFrames]);
  kernel.doubles(kernel.read("settings"), settings.length).set(settings);
  const room = kernel.floats(kernel.read("samples"), mostFrames * channels);
  return {
    push(samples) {
      const out = output(samples.length);
      for (let at = 0; at < samples.length; at += room.length) {
        const part = samples.subarray(at, at + room.length);
        room.set(part);
        kernel.call("run", part.length / channels);
        out.set(room.subarray(0, part.length), at);
      }
      return out;
    },
    finish: () => new Float32Array(0),
  };
}
