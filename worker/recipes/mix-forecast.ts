import { buildDuckEnvelope } from "../media/duck/duck-envelope.ts";
import { createMusicGains } from "../media/duck/duck-mix.ts";
import { blocksPerSecond, createLevelTrack, gatedLufs, type LevelTrack } from "../media/duck/speech-levels.ts";
import { releaseSeconds } from "../media/master/true-peak-limiter.ts";
import type { MixLevels, MixSound, PlacedVoice } from "./mix-levels.ts";

/** What is foreseen of a mix from its levels, before it is made. */
export interface MixForecast {
  /** Programme loudness with that gain and with the voice limited to `voiceCeilingDbtp`; null where all is silent. */
  lufsAt(gainDb: number, voiceCeilingDbtp: number): number | null;
  /** What no peak of the sum passes then, dBTP; −∞ for silence. */
  peakAt(gainDb: number, voiceCeilingDbtp: number): number;
}

/** Of the limiter's way back up, over one block. */
const releasePerBlock = Math.exp(-1 / (releaseSeconds * blocksPerSecond));
/** Share of a block that a peak in it takes down: the loss of four voices up to 10 dB over is foretold to 0.1 LU. */
const heldShare = 0.95;

/** Foretells loudness: the energies of voice and music, which have nothing in common, add up. */
export function createMixForecast(
  { voices, music, totalSeconds }: MixSound,
  levels: MixLevels,
  duckDb: number,
): MixForecast {
  const blocks = Math.max(1, Math.round(totalSeconds * blocksPerSecond));
  const [voiceTrack, peaks] = [layOut(voices, "levels"), layOut(voices, "peaks")];
  const [bed, bedPeaks] = [createLevelTrack(blocks), createLevelTrack(blocks)];
  // Between samples the music rises as far above them as it does at its highest.
  const overshoot = findOvershoot(music);
  let before = 0;
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
    bedPeaks.push(overshoot * Math.max(gain, before) ** 2 * music.peaks.energy(toMusicBlock(music, block)));
    before = gain;
  }
  return {
    lufsAt(gainDb, voiceCeilingDbtp) {
      const gain = 10 ** (gainDb / 10);
      const ceiling = 10 ** ((voiceCeilingDbtp - gainDb) / 20);
      let limit = 1;
      return gatedLufs(blocks, (block) => {
        const peak = Math.sqrt(peaks.energy(block));
        const released = 1 - (1 - limit) * releasePerBlock;
        limit = Math.min(peak > ceiling ? ceiling / peak : 1, released);
        const held = released + heldShare * (limit - released);
        return gain * (held ** 2 * voiceTrack.energy(block) + bed.energy(block));
      });
    },
    peakAt(gainDb, voiceCeilingDbtp) {
      const gain = 10 ** (gainDb / 20);
      const ceiling = 10 ** (voiceCeilingDbtp / 20);
      let highest = 0;
      for (let block = 0; block < blocks; block++) {
        const voice = Math.min(ceiling, gain * Math.sqrt(peaks.energy(block)));
        highest = Math.max(highest, voice + gain * Math.sqrt(bedPeaks.energy(block)));
      }
      return 20 * Math.log10(highest);
    },
  };
}

/** The narrations as they lie in the output, which they do one after another. */
export function layOut(voices: readonly PlacedVoice[], what: "levels" | "peaks"): LevelTrack {
  const toBlock = (seconds: number): number => Math.round(seconds * blocksPerSecond);
  const track = createLevelTrack(Math.max(...voices.map((voice) => toBlock(voice.startSeconds) + voice[what].length)));
  for (const { startSeconds, heardLu, [what]: own } of voices) {
    const start = toBlock(startSeconds);
    // A channel that is given to two is not higher there, only louder.
    const factor = what === "peaks" ? 1 : 10 ** (heardLu / 10);
    while (track.length < start) track.push(0);
    for (let block = track.length - start; block < own.length; block++) track.push(own.energy(block) * factor);
  }
  return track;
}

export const readMusic = (music: MixSound["music"], block: number): number =>
  music.levels.energy(toMusicBlock(music, block)) * 10 ** (music.heardLu / 10);

const toMusicBlock = ({ loopSeconds }: MixSound["music"], block: number): number =>
  block % Math.max(1, Math.round(loopSeconds * blocksPerSecond));

/** True peak against the largest sample, squared; 1 at the least. */
function findOvershoot({ peaks, truePeakDbtp }: MixSound["music"]): number {
  let largest = 0;
  for (let block = 0; block < peaks.length; block++) largest = Math.max(largest, peaks.energy(block));
  return largest === 0 || truePeakDbtp === null ? 1 : Math.max(1, 10 ** (truePeakDbtp / 10) / largest);
}
