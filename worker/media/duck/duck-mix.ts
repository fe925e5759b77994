import { createPcmQueue } from "../pcm/pcm-queue.ts";
import { createDuckGains, type DuckEnvelope } from "./duck-envelope.ts";

export interface DuckMix {
  /** Of the music and of the result. */
  readonly channels: number;
  /** As many, or 1, which is given to all of them. */
  readonly voiceChannels: number;
  /** Linear gain of the voice. */
  readonly voiceGain: number;
  /** Linear gain of the music where nobody speaks. */
  readonly musicGain: number;
  readonly envelope: DuckEnvelope;
  /** Frames over which the music comes in at the beginning and goes out at the end. */
  readonly fadeInFrames: number;
  readonly fadeOutFrames: number;
  readonly totalFrames: number;
}

/**
 * Adds music under a voice, sample by sample, as interleaved floats. Both are f32le of the same rate in whole frames; the voice
 * decides the length, `totalFrames`; music that ends before it is followed by silence. Memory: one chunk of each.
 */
export async function* mixDucked(
  voice: AsyncIterable<Uint8Array>,
  music: AsyncIterable<Uint8Array>,
  mix: DuckMix,
): AsyncGenerator<Float32Array> {
  const { channels, voiceChannels, voiceGain } = mix;
  const reader = createFrameReader(music, 4 * channels);
  const gains = createMusicGains(mix);
  let frame = 0;
  try {
    for await (const chunk of voice) {
      const frames = chunk.length / (4 * voiceChannels);
      if (frames === 0) continue;
      const speech = toFloats(chunk);
      const bed = await reader.read(frames);
      const mixed = new Float32Array(frames * channels);
      const add = voiceChannels === channels ? addEach : addToAll;
      add(mixed, speech, bed, gains.next(frame, frames), voiceGain);
      frame += frames;
      yield mixed;
    }
  } finally {
    await reader.close();
  }
}

type Add = (
  mixed: Float32Array,
  voice: Float32Array,
  bed: Float32Array,
  gains: Float32Array,
  voiceGain: number,
) => void;

/** Channel to channel. */
const addEach: Add = (mixed, voice, bed, gains, voiceGain) => {
  const channels = mixed.length / gains.length;
  for (let at = 0, index = 0; at < gains.length; at++) {
    const gain = gains[at] as number;
    for (const end = index + channels; index < end; index++) {
      mixed[index] = voiceGain * (voice[index] as number) + gain * (bed[index] as number);
    }
  }
};

/** One channel to all. */
const addToAll: Add = (mixed, voice, bed, gains, voiceGain) => {
  const channels = mixed.length / gains.length;
  for (let at = 0, index = 0; at < gains.length; at++) {
    const gain = gains[at] as number;
    const sample = voiceGain * (voice[at] as number);
    for (const end = index + channels; index < end; index++) mixed[index] = sample + gain * (bed[index] as number);
  }
};

/** Gains of the music with its fades and ducks, in order. */
export function createMusicGains(mix: Omit<DuckMix, "channels" | "voiceChannels" | "voiceGain">): {
  /** Valid until the next call. */
  next(startFrame: number, frames: number): Float32Array;
} {
  const ducked = createDuckGains(mix.envelope);
  let room = new Float32Array(0);
  return {
    next(startFrame, frames) {
      if (room.length < frames) room = new Float32Array(frames);
      const gains = room.subarray(0, frames);
      ducked.fill(gains, startFrame);
      const { musicGain, fadeInFrames, fadeOutFrames, totalFrames } = mix;
      const fades = startFrame < fadeInFrames || startFrame + frames > totalFrames - fadeOutFrames;
      for (let at = 0; at < frames; at++) {
        let gain = musicGain * (gains[at] ?? 1);
        if (fades) {
          const frame = startFrame + at;
          gain *= ease((frame + 0.5) / fadeInFrames) * ease((totalFrames - frame - 0.5) / fadeOutFrames);
        }
        gains[at] = gain;
      }
      return gains;
    },
  };
}

/** Half a cosine from 0 at 0 to 1 at 1. */
const ease = (part: number): number => (part >= 1 ? 1 : part <= 0 ? 0 : 0.5 - 0.5 * Math.cos(Math.PI * part));

function createFrameReader(source: AsyncIterable<Uint8Array>, frameBytes: number) {
  const queue = createPcmQueue(frameBytes);
  const chunks = source[Symbol.asyncIterator]();
  let room = new Float32Array(0);
  let ended = false;
  return {
    /** Exactly `frames`, silence behind the end; valid until the next call. */
    async read(frames: number): Promise<Float32Array> {
      while (queue.frames < frames && !ended) {
        const { done, value } = await chunks.next();
        if (done === true) ended = true;
        else queue.push(value);
      }
      const samples = (frames * frameBytes) / 4;
      if (room.length < samples) room = new Float32Array(samples);
      const bytes = new Uint8Array(room.buffer, 0, frames * frameBytes);
      let filled = 0;
      for (const chunk of queue.take(frames)) {
        bytes.set(chunk, filled);
        filled += chunk.length;
      }
      bytes.fill(0, filled);
      return room.subarray(0, samples);
    },
    close: async () => {
      if (!ended) await chunks.return?.();
    },
  };
}

/** A view where the bytes lie as floats must; a copy where a pipe's chunk begins elsewhere. */
const toFloats = (chunk: Uint8Array): Float32Array =>
  chunk.byteOffset % 4 === 0
    ? new Float32Array(chunk.buffer, chunk.byteOffset, chunk.length >> 2)
    : new Float32Array(new Uint8Array(chunk).buffer);
