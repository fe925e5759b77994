import { MixdownError } from "../../../core/errors.ts";
import type { MediaInfo } from "./media-info.ts";
import type { TrueLength } from "./true-length.ts";

/** Less than this may be missing: a last frame that an encoder never finished. */
const slackSeconds = 0.25;

/** Throws input_truncated when less was decoded than the file's header counts, input_corrupt when nothing was. */
export function checkWhole(media: MediaInfo, trueLength: TrueLength, decodedFrames: number): void {
  const [stream] = media.audio;
  if (decodedFrames === 0) {
    throw new MixdownError("input_corrupt", {
      message: `${media.name} holds no audio that can be decoded (${stream?.codec ?? "unknown codec"}).`,
    });
  }
  const rate = stream?.sampleRateHz ?? 1;
  const promised = trueLength.samples === null ? promiseOfContainer(media) : trueLength.samples / rate;
  const decoded = decodedFrames / rate;
  if (promised !== null && decoded < promised - slackSeconds) {
    throw new MixdownError("input_truncated", {
      message: `${media.name} ends after ${decoded.toFixed(1)} s of the ${promised.toFixed(1)} s that its header promises: the recording or the upload broke off.`,
    });
  }
}

/** Matroska notes the length of the longest stream: it binds the sound only where that is alone. */
function promiseOfContainer(media: MediaInfo): number | null {
  return media.formatName.startsWith("matroska") && media.streamCount === 1 ? media.durationSeconds : null;
}
