import type { MixParams } from "../../core/kinds/index.ts";
import { bridgePauses, buildDuckEnvelope } from "../media/duck/duck-envelope.ts";
import type { SpeechSpan } from "../media/duck/speech-detect.ts";
import { blocksPerSecond, createBlockGate, gatedLufs, type LevelTrack } from "../media/duck/speech-levels.ts";
import { layOut, readMusic } from "./mix-forecast.ts";

/** One narration in the output. */
export interface PlacedVoice {
  readonly startSeconds: number;
  /** K-weighted, and the largest magnitudes. */
  readonly levels: LevelTrack;
  readonly peaks: LevelTrack;
  /** Of the channels it is given to, LU. */
  readonly heardLu: number;
  /** Spans of speech, in its own seconds. */
  readonly spans: readonly SpeechSpan[];
}

export interface MixSound {
  readonly voices: readonly PlacedVoice[];
  readonly music: {
    readonly levels: LevelTrack;
    readonly peaks: LevelTrack;
    readonly truePeakDbtp: number | null;
    readonly heardLu: number;
    readonly loopSeconds: number;
  };
  readonly totalSeconds: number;
}

export interface MixLevels {
  /** Speech in seconds of the output, pauses bridged. */
  readonly speech: readonly SpeechSpan[];
  readonly fadeInSeconds: number;
  readonly fadeOutSeconds: number;
  /** Against the music's file, where nobody speaks, with the voice left as it is. */
  readonly musicGainDb: number;
  /** Loudness of the music under the quietest voice while it speaks; null where either is silent. */
  readonly musicLuBelow: number | null;
  /** Loudness of each narration in the mix before the last gain; null where it is silent. */
  readonly voiceLufs: readonly (number | null)[];
  /** Whether the music would have to be raised by more than is sensible. */
  readonly musicHeldBack: boolean;
}

/** So that a bed that is only just 10 LU down by one meter is not 9.9 by another. */
const marginLu = 0.3;
/** A bed that would need more is nearly silence; its noise is all that would rise. */
const highestMusicGainDb = 24;
/** A part of the narration that lies deeper under the whole does not take the music down with it. */
const deepestVoiceLu = 15;
/** Fades at the music's ends, seconds: at most, and where speech leaves no room for one. */
const fades = { in: 0.5, out: 2, least: 0.02 };

/**
 * Chooses the music's gain from the measured levels.
 *
 * Alone the music is as loud as the voice; while somebody speaks it is `duckDb` lower. Where that would leave it less
 * than `musicLufsBelow` under the voice, it is lower throughout.
 */
export function chooseMixLevels(sound: MixSound, params: MixParams): MixLevels {
  const { voices, music, totalSeconds } = sound;
  const speech = bridgePauses(
    voices.flatMap(({ spans, startSeconds }) =>
      spans.map((span) => ({
        startSeconds: startSeconds + span.startSeconds,
        endSeconds: startSeconds + span.endSeconds,
      })),
    ),
  );
  const blocks = Math.max(1, Math.round(totalSeconds * blocksPerSecond));
  const voiceTrack = layOut(voices, "levels");
  const musicEnergy = (block: number): number => readMusic(music, block);
  const voiceLufs = voices.map(({ levels, heardLu }) => addLu(gatedLufs(levels.length, levels.energy), heardLu));
  const heard = voices.flatMap(({ spans }, index) => (spans.length === 0 ? [] : (voiceLufs[index] ?? [])));
  const whole = gatedLufs(blocks, voiceTrack.energy);
  const voice = whole === null || heard.length === 0 ? null : Math.max(Math.min(...heard), whole - deepestVoiceLu);
  const bed = loudestMusic(blocks, musicEnergy, speech);

  const under = Math.max(params.duckDb, params.musicLufsBelow + marginLu);
  const wanted = voice === null || bed === null ? 0 : voice - under + params.duckDb - bed;
  const musicGainDb = Math.min(wanted, highestMusicGainDb);
  return {
    ...chooseFades(speech, totalSeconds),
    ...{ speech, musicGainDb, voiceLufs, musicHeldBack: wanted > highestMusicGainDb },
    musicLuBelow: voice === null || bed === null ? null : voice - (bed + musicGainDb - params.duckDb),
  };
}

/** Fades lie where nobody speaks, since the music is even while somebody does. */
function chooseFades(speech: readonly SpeechSpan[], totalSeconds: number) {
  const before = speech[0]?.startSeconds ?? totalSeconds;
  const after = totalSeconds - (speech.at(-1)?.endSeconds ?? 0);
  const bound = (room: number, most: number): number =>
    Math.min(most, Math.max(fades.least, room / 2), totalSeconds / 2);
  return { fadeInSeconds: bound(before, fades.in), fadeOutSeconds: bound(after, fades.out) };
}

/** What the mixer needs for the music, for a gain of the whole; the voice comes with its gain. */
export const buildMixGains = (
  levels: MixLevels,
  duckDb: number,
  gainDb: number,
  rate: number,
  totalFrames: number,
) => ({
  musicGain: 10 ** ((gainDb + levels.musicGainDb) / 20),
  envelope: buildDuckEnvelope(levels.speech, duckDb, rate),
  fadeInFrames: levels.fadeInSeconds * rate,
  fadeOutFrames: levels.fadeOutSeconds * rate,
  totalFrames,
});

const addLu = (lufs: number | null, lu: number): number | null => (lufs === null ? null : lufs + lu);

/** Of the whole bed, or of what lies under speech where that is louder. */
function loudestMusic(
  blocks: number,
  energyAt: (block: number) => number,
  speech: readonly SpeechSpan[],
): number | null {
  const spoken = createBlockGate();
  for (const { startSeconds, endSeconds } of speech) {
    const end = Math.min(blocks, Math.round(endSeconds * blocksPerSecond));
    for (let block = Math.round(startSeconds * blocksPerSecond); block < end; block++) spoken.add(energyAt(block));
  }
  const found = [gatedLufs(blocks, energyAt), spoken.lufs()].filter((lufs) => lufs !== null);
  return found.length === 0 ? null : Math.max(...found);
}
