import { type ErrorCode, MixdownError } from "../../../core/errors.ts";
import { limits } from "../../../core/limits.ts";
import type { MediaInfo } from "./media-info.ts";

/** Throws the first limit that `media` breaks, or input_no_audio; each says what was found and what is allowed. */
export function checkMedia(media: MediaInfo): void {
  const refuse = (code: ErrorCode, message: string): never => {
    throw new MixdownError(code, { message: `${media.name} ${message}` });
  };
  if (media.streamCount > limits.streamsPerInput) {
    refuse("limit_streams", `has ${media.streamCount} streams; at most ${limits.streamsPerInput} are allowed.`);
  }
  if (media.audio.length === 0) {
    const found = media.video.map((stream) => `${stream.attachedPicture ? "picture" : "video"} ${stream.codec}`);
    refuse(
      "input_no_audio",
      `has no audio stream (found: ${found.join(", ") || "nothing"}). Give a file with at least one.`,
    );
  }
  const hours = limits.inputDurationSeconds / 3_600;
  if ((media.durationSeconds ?? 0) > limits.inputDurationSeconds) {
    refuse(
      "limit_duration",
      `lasts ${((media.durationSeconds ?? 0) / 3_600).toFixed(2)} h; at most ${hours} h are allowed.`,
    );
  }
  for (const stream of media.audio) {
    if (stream.channels > limits.channels) {
      refuse("limit_channels", `has ${stream.channels} channels; at most ${limits.channels} are allowed.`);
    }
    if (stream.channels < 1 || stream.sampleRateHz < 1) {
      refuse("input_corrupt", "names no channels or sample rate for its audio. Export or upload the file again.");
    }
    const { min, max } = limits.sampleRateHz;
    if (stream.sampleRateHz < min || stream.sampleRateHz > max) {
      refuse("limit_sample_rate", `has a sample rate of ${stream.sampleRateHz} Hz; ${min} to ${max} Hz are allowed.`);
    }
  }
  const gibibytes = (bytes: number) => Math.round(bytes / 1024 ** 3);
  for (const { sampleRateHz, channels } of media.audio) {
    // 20 MB of FLAC can be a terabyte: intermediates are 32-bit floats.
    const decodedBytes = (media.durationSeconds ?? 0) * sampleRateHz * channels * 4;
    if (decodedBytes > limits.childProcess.fileBytes) {
      refuse(
        "limit_output_size",
        `holds ${gibibytes(decodedBytes)} GiB of samples; at most ${gibibytes(limits.childProcess.fileBytes)} GiB are allowed. Split it first.`,
      );
    }
  }
  for (const stream of media.video) {
    if (stream.width * stream.height > limits.pixels) {
      const size = `${stream.width}×${stream.height}`;
      refuse("limit_pixels", `has a picture of ${size}; at most ${limits.pixels} pixels are allowed.`);
    }
  }
}
