import { buildDuckEnvelope } from "../media/duck-envelope.ts";
import { createMusicGains } from "../media/duck-mix.ts";
import { blocksPerSecond, createLevelTrack, gatedLufs, type LevelTrack } from "../media/speech-levels.ts";
import type { MixLevels, MixSound, PlacedVoice } from "./mix-levels.ts";

/** What is foreseen of a mix from its levels, before it is made. */
export interface MixForecast {
  /** Programme loudness with that gain and with the voice limited to `voiceCeilingDbtp`; null where all is silent. */
  lufsAt(gainDb: number, voiceCeilingDbtp: number): number | null;
}

/** Of the limiter's way back up, over one block; its time constant is 60 ms. */
const releasePerBlock = Math.exp(-1 / (0.06 * blocksPerSecond));

/** Foretells loudness: the energies of voice and music, which have nothing in common, add up. */
export function createMixForecast(
  { voices, music, totalSeconds }: MixSound,
  levels: MixLevels,
  duckDb: number,
): MixForecast {
  const blocks = Math.max(1, Math.round(totalSeconds * blocksPerSecond));
  const [voiceTrack, peaks] = [layOut(voices, "levels"), layOut(voices, "peaks")];
  const bed = createLevelTrack();
  const gains = createMusicGains({
    envelope: buildDuckEnvelope(levels.speech, duckDb, blocksPerSecond),
    musicGain: 10 ** (levels.musicGainDb / 20),
    fadeInFrames: levels.fadeInSeconds * blocksPerSecond,
    fadeOutFrames: levels.fadeOutSeconds * blocksPerSecond,
    totalFrames: totalSeconds * blocksPerSecond,
  });
  for (let block = 0; block < blocks; block++) {
    const [gain = 0] = gains.next(block, 1);
    bed.push(gain ** 2 * readMusic(music, block));
  }
  return {
    lufsAt(gainDb, voiceCeilingDbtp) {
      const gain = 10 ** (gainDb / 10);
      const ceiling = 10 ** ((voiceCeilingDbtp - gainDb) / 20);
      let limit = 1;
      return gatedLufs(blocks, (block) => {
        const peak = Math.sqrt(peaks.energy(block));
        limit = Math.min(peak > ceiling ? ceiling / peak : 1, 1 - (1 - limit) * releasePerBlock);
        return gain * (limit ** 2 * voiceTrack.energy(block) + bed.energy(block));
      });
    },
  };
}

/** The narrations as they lie in the output, which they do one after another. */
export function layOut(voices: readonly PlacedVoice[], what: "levels" | "peaks"): LevelTrack {
  const track = createLevelTrack();
  for (const { startSeconds, heardLu, [what]: own } of voices) {
    const start = Math.round(startSeconds * blocksPerSecond);
    // A channel that is given to two is not higher there, only louder.
    const factor = what === "peaks" ? 1 : 10 ** (heardLu / 10);
    while (track.length < start) track.push(0);
    for (let block = track.length - start; block < own.length; block++) track.push(own.energy(block) * factor);
  }
  return track;
}

export const readMusic = ({ levels, heardLu, loopSeconds }: MixSound["music"], block: number): number =>
  levels.energy(block % Math.max(1, Math.round(loopSeconds * blocksPerSecond))) * 10 ** (heardLu / 10);
