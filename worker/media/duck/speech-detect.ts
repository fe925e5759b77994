import { blocksPerSecond, createLevelTrack, type LevelTrack } from "./speech-levels.ts";

/** A stretch of speech in one recording. */
export interface SpeechSpan {
  readonly startSeconds: number;
  readonly endSeconds: number;
}

/** What speech is told by; all against the recording's own level, so that its gain does not matter. */
export interface SpeechThresholds {
  /** Mean level of what is loud, dB. */
  readonly speechDb: number;
  /** Level of the pauses, dB. */
  readonly noiseDb: number;
  /** Speech begins above this, and lasts while it is above `offDb`. */
  readonly onDb: number;
  readonly offDb: number;
}

/** A recording whose loud parts lie below this, dB re full scale, is silence. */
const silenceDb = -70;
/** Nobody speaks over a wider range than this: fainter sounds of a quiet room are not speech. */
const widestRangeDb = 60;
/** Of the way from the pauses to the speech: reaches a voice that drops by 12 dB where the pauses lie 30 dB down. */
const onShare = 0.35;
/** Speech is at least this long (smoothed), above `onDb` for at least half of it: a click is not. */
const shortestBlocks = 10;
/** Levels are taken over 50 ms: over 10 the noise of a fan sways by several decibels. */
const smoothReach = 2;
/** Syllables within a word fall below the threshold for as long. */
const bridgeBlocks = 20;

/**
 * Where somebody speaks, by level with hysteresis. Starts reach back to where the sound first rose above `offDb`. Pauses
 * of 0.2 s and more are seen; longer ones are bridged by whoever uses it.
 * @returns spans in order, apart from each other; none for silence
 */
export function detectSpeech(track: LevelTrack): readonly SpeechSpan[] {
  const levels = smoothLevels(track);
  const thresholds = findThresholds(levels);
  if (thresholds === null) return [];
  const spans: SpeechSpan[] = [];
  const { onDb, offDb } = thresholds;
  let start = -1;
  let lastAbove = -1;
  let loud = 0;
  const end = (): void => {
    if (start >= 0 && loud >= shortestBlocks / 2 && lastAbove + 1 - start >= shortestBlocks) {
      spans.push({ startSeconds: start / blocksPerSecond, endSeconds: (lastAbove + 1) / blocksPerSecond });
    }
    start = -1;
    loud = 0;
  };
  for (let block = 0; block < levels.length; block++) {
    const level = levels.levelDb(block);
    if (level > offDb) {
      if (start < 0) start = block;
      lastAbove = block;
      if (level > onDb) loud++;
    } else if (start >= 0 && block - lastAbove > bridgeBlocks) end();
  }
  end();
  return spans;
}

/** Null where the recording is silent. */
export function findThresholds(levels: LevelTrack): SpeechThresholds | null {
  const speechDb = findSpeechDb(levels);
  if (speechDb === null) return null;
  const noiseDb = Math.max(percentileDb(levels, 0.1), speechDb - widestRangeDb);
  // Without pauses the noise cannot be seen: what is near the speech's own level is speech.
  const onDb = Math.min(noiseDb + Math.max(5, onShare * (speechDb - noiseDb)), speechDb - 6);
  return { speechDb, noiseDb, onDb, offDb: onDb - Math.min(3, Math.max(1, (onDb - noiseDb) / 3)) };
}

function smoothLevels(levels: LevelTrack): LevelTrack {
  const smooth = createLevelTrack(levels.length);
  let sum = 0;
  for (let block = -smoothReach; block < levels.length; block++) {
    sum += levels.energy(block + smoothReach) - levels.energy(block - smoothReach - 1);
    if (block >= 0) smooth.push(sum / (2 * smoothReach + 1));
  }
  return smooth;
}

/** Mean energy of the blocks within 10 dB under the mean of all that are not silent, as programme loudness gates. */
function findSpeechDb(levels: LevelTrack): number | null {
  const meanAbove = (gateDb: number): number | null => {
    let energy = 0;
    let count = 0;
    for (let block = 0; block < levels.length; block++) {
      if (levels.levelDb(block) <= gateDb) continue;
      energy += levels.energy(block);
      count++;
    }
    return count === 0 ? null : 10 * Math.log10(energy / count);
  };
  const all = meanAbove(silenceDb);
  return all === null ? null : meanAbove(all - 10);
}

/** Level that a share of all blocks does not pass, to half a decibel. */
function percentileDb(levels: LevelTrack, share: number): number {
  const counts = new Uint32Array(400);
  for (let block = 0; block < levels.length; block++) {
    const bin = Math.min(399, Math.max(0, Math.floor(2 * (levels.levelDb(block) + 150))));
    counts[bin] = (counts[bin] ?? 0) + 1;
  }
  let seen = 0;
  for (const [bin, count] of counts.entries()) {
    seen += count;
    if (seen > share * levels.length) return (bin + 0.5) / 2 - 150;
  }
  return silenceDb;
}
