import type { MixParams } from "../../core/kinds/index.ts";
import { bridgePauses, buildDuckEnvelope } from "../media/duck-envelope.ts";
import { createMusicGains } from "../media/duck-mix.ts";
import { energyToLufs, GatedLoudness } from "../media/gated-loudness.ts";
import type { SpeechSpan } from "../media/speech-detect.ts";
import { blocksPerSecond, createLevelTrack, type LevelTrack } from "../media/speech-levels.ts";

/** One narration in the output. */
export interface PlacedVoice {
  readonly startSeconds: number;
  readonly levels: LevelTrack;
  /** Of the channels it is given to, LU. */
  readonly heardLu: number;
  /** Spans of speech, in its own seconds. */
  readonly spans: readonly SpeechSpan[];
}

export interface MixSound {
  readonly voices: readonly PlacedVoice[];
  readonly music: { readonly levels: LevelTrack; readonly heardLu: number; readonly loopSeconds: number };
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
  /** Of the mix before the last gain; null where it is silent. */
  readonly predictedLufs: number | null;
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
 * Chooses the music's gain from the measured levels, and foretells the loudness of the mix: the energies of voice and
 * music, which have nothing in common, add up.
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
  const voiceTrack = layOut(voices);
  const musicEnergy = (block: number): number => readMusic(music, block);
  const voiceLufs = voices.map(({ levels, heardLu }) => addLu(gatedLufs(levels.length, levels.energy), heardLu));
  const heard = voices.flatMap(({ spans }, index) => (spans.length === 0 ? [] : (voiceLufs[index] ?? [])));
  const whole = gatedLufs(blocks, voiceTrack.energy);
  const voice = whole === null || heard.length === 0 ? null : Math.max(Math.min(...heard), whole - deepestVoiceLu);
  const bed = loudestMusic(blocks, musicEnergy, speech);

  const under = Math.max(params.duckDb, params.musicLufsBelow + marginLu);
  const wanted = voice === null || bed === null ? 0 : voice - under + params.duckDb - bed;
  const musicGainDb = Math.min(wanted, highestMusicGainDb);
  const levels = {
    ...chooseFades(speech, totalSeconds),
    ...{ speech, musicGainDb, voiceLufs, musicHeldBack: wanted > highestMusicGainDb },
    musicLuBelow: voice === null || bed === null ? null : voice - (bed + musicGainDb - params.duckDb),
  };
  return { ...levels, predictedLufs: foretellLufs(sound, voiceTrack, levels, params) };
}

/** Fades lie where nobody speaks, since the music is even while somebody does. */
function chooseFades(speech: readonly SpeechSpan[], totalSeconds: number) {
  const before = speech[0]?.startSeconds ?? totalSeconds;
  const after = totalSeconds - (speech.at(-1)?.endSeconds ?? 0);
  const bound = (room: number, most: number): number =>
    Math.min(most, Math.max(fades.least, room / 2), totalSeconds / 2);
  return { fadeInSeconds: bound(before, fades.in), fadeOutSeconds: bound(after, fades.out) };
}

function foretellLufs(
  { music, totalSeconds }: MixSound,
  voiceTrack: LevelTrack,
  levels: Pick<MixLevels, "speech" | "musicGainDb" | "fadeInSeconds" | "fadeOutSeconds">,
  params: MixParams,
): number | null {
  const gains = createMusicGains({
    envelope: buildDuckEnvelope(levels.speech, params.duckDb, blocksPerSecond),
    musicGain: 10 ** (levels.musicGainDb / 20),
    fadeInFrames: levels.fadeInSeconds * blocksPerSecond,
    fadeOutFrames: levels.fadeOutSeconds * blocksPerSecond,
    totalFrames: totalSeconds * blocksPerSecond,
  });
  return gatedLufs(Math.max(1, Math.round(totalSeconds * blocksPerSecond)), (block) => {
    const [gain = 0] = gains.next(block, 1);
    return voiceTrack.energy(block) + gain ** 2 * readMusic(music, block);
  });
}

/** What the mixer needs, for a gain of the whole. */
export const buildMixGains = (
  levels: MixLevels,
  duckDb: number,
  gainDb: number,
  rate: number,
  totalFrames: number,
) => ({
  voiceGain: 10 ** (gainDb / 20),
  musicGain: 10 ** ((gainDb + levels.musicGainDb) / 20),
  envelope: buildDuckEnvelope(levels.speech, duckDb, rate),
  fadeInFrames: levels.fadeInSeconds * rate,
  fadeOutFrames: levels.fadeOutSeconds * rate,
  totalFrames,
});

/** The narrations as they lie in the output, which they do one after another. */
function layOut(voices: readonly PlacedVoice[]): LevelTrack {
  const track = createLevelTrack();
  for (const { startSeconds, levels, heardLu } of voices) {
    const start = Math.round(startSeconds * blocksPerSecond);
    const factor = 10 ** (heardLu / 10);
    while (track.length < start) track.push(0);
    for (let block = track.length - start; block < levels.length; block++) track.push(levels.energy(block) * factor);
  }
  return track;
}

const addLu = (lufs: number | null, lu: number): number | null => (lufs === null ? null : lufs + lu);

const readMusic = ({ levels, heardLu, loopSeconds }: MixSound["music"], block: number): number =>
  levels.energy(block % Math.max(1, Math.round(loopSeconds * blocksPerSecond))) * 10 ** (heardLu / 10);

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

function gatedLufs(blocks: number, energyAt: (block: number) => number): number | null {
  const gate = createBlockGate();
  for (let block = 0; block < blocks; block++) gate.add(energyAt(block));
  return gate.lufs();
}

/** Programme loudness of blocks of 10 ms; below 0.4 s, where nothing is gated, that of their mean. */
function createBlockGate(): { add(energy: number): void; lufs(): number | null } {
  const gated = new GatedLoudness();
  const perStep = blocksPerSecond / 10;
  let count = 0;
  let total = 0;
  let step = 0;
  return {
    add(energy) {
      total += energy;
      step += energy;
      if (++count % perStep > 0) return;
      gated.add(step / perStep);
      step = 0;
    },
    lufs() {
      if (count >= 4 * perStep) return gated.integratedLufs();
      const mean = count === 0 ? 0 : total / count;
      return mean > 1e-7 ? energyToLufs(mean) : null;
    },
  };
}
