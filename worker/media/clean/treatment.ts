import type { CleanParams } from "../../../core/kinds/index.ts";
import type { HumFindings } from "../denoise/hum-survey.ts";
import type { NoiseProfile } from "../denoise/spectral-denoiser.ts";
import type { NoiseFindings } from "../denoise/spectral-pauses.ts";
import type { AudioSurvey } from "./survey-audio.ts";

/** What is done to a recording, decided from what was found. */
export interface Treatment {
  readonly hum: HumFindings | null;
  readonly denoise: { readonly profile: NoiseProfile; readonly depthDb: number } | null;
  /** Taken from each channel; 0 where the mean is too small to matter. */
  readonly dcOffsets: readonly number[];
  /** RMS under which 10 ms of the treated sound are silence; null: nothing is shortened. */
  readonly silenceDbfs: number | null;
}

/**
 * How far noise is taken down at the most, where it is loud and where it is faint: 24 dB against 18 give 0.4 dB more
 * SI-SDR on white noise at 5 dB SNR; from 15 dB on they cost STOI a little (0.0003) and gain next to nothing.
 */
const deepestDb = { loud: 24, faint: 18 };
const loudUpToSnrDb = 10;
/** A voice this far above its pauses is clean: what is not touched is not harmed. */
const cleanSnrDb = 30;
/** Quieter than this in the result, noise is not heard and is left alone: what is not touched is not harmed. */
const inaudibleDbfs = -75;
/** Below this a treatment is not worth the risk. */
const smallestDb = 3;
/** −60 dBFS: less costs no headroom and is not heard. */
const dcWorthRemoving = 1e-3;

export function planTreatment(survey: AudioSurvey, params: CleanParams): Treatment {
  const hum = params.denoise ? survey.hum : null;
  const denoise = params.denoise ? planDenoise(survey, params.loudnessLufs) : null;
  return {
    hum,
    denoise,
    dcOffsets: survey.dcOffsets.map((offset) => (Math.abs(offset) >= dcWorthRemoving ? offset : 0)),
    silenceDbfs: params.trimSilence ? findSilenceLevel(survey, denoise?.depthDb ?? 0) : null,
  };
}

function planDenoise({ noise, reading }: AudioSurvey, loudnessLufs: number): Treatment["denoise"] {
  const { noiseFloorDbfs, speechDbfs, profile } = noise;
  if (profile === null || noiseFloorDbfs === null || speechDbfs === null || !hasAudibleNoise(noise)) return null;
  const gainDb = loudnessLufs - (reading.integratedLufs ?? loudnessLufs);
  const deepest = Math.max(deepestDb.faint, deepestDb.loud - Math.max(0, speechDbfs - noiseFloorDbfs - loudUpToSnrDb));
  const depthDb = Math.min(deepest, noiseFloorDbfs + gainDb - inaudibleDbfs);
  return depthDb < smallestDb ? null : { profile, depthDb };
}

/** Whether all is left as it is. */
export const isUntouched = ({ hum, denoise, dcOffsets, silenceDbfs }: Treatment): boolean =>
  hum === null && denoise === null && silenceDbfs === null && dcOffsets.every((offset) => offset === 0);

/** Without anything that stands above the pauses they are no pauses, but the content. */
export function hasAudibleNoise({ noiseFloorDbfs, speechDbfs }: NoiseFindings): boolean {
  return noiseFloorDbfs !== null && speechDbfs !== null && speechDbfs - noiseFloorDbfs < cleanSnrDb;
}

/** Well above what is left of the noise and well below the voice; null where there is no room between them. */
function findSilenceLevel({ noise, reading }: AudioSurvey, depthDb: number): number | null {
  const { noiseFloorDbfs } = noise;
  // Where pauses are digital silence nothing stands above them; programme loudness is close to the voice's level then.
  const speechDbfs = noise.speechDbfs ?? reading.integratedLufs;
  if (speechDbfs === null) return null;
  const floorDbfs = noise.speechDbfs === null ? -100 : (noiseFloorDbfs ?? -100) - depthDb;
  const level = Math.max(speechDbfs - 32, floorDbfs + 8);
  return level < speechDbfs - 10 ? level : null;
}
