import type { CleanParams } from "../../core/kinds/index.ts";
import type { HumFindings } from "./hum-survey.ts";
import type { NoiseProfile } from "./noise-survey.ts";
import type { AudioSurvey } from "./survey-audio.ts";
import type { Toolchain } from "./toolchain.ts";

/** What is done to a recording, decided from what was found. */
export interface Treatment {
  readonly hum: HumFindings | null;
  readonly denoise: { readonly profile: NoiseProfile; readonly depthDb: number } | null;
  /** Taken from each channel; 0 where the mean is too small to matter. */
  readonly dcOffsets: readonly number[];
  /** RMS under which 10 ms of the treated sound are silence; null: nothing is shortened. */
  readonly silenceDbfs: number | null;
}

/** More would leave the voice in a vacuum, and bring out what is left of the noise as single tones. */
const deepestDb = 20;
/** Quieter than this in the result, noise is not heard and is left alone: what is not touched is not harmed. */
const inaudibleDbfs = -75;
/** Below this a treatment is not worth the risk. */
const smallestDb = 3;
/** −70 dBFS: less is rounding. */
const dcWorthRemoving = 3e-4;

export function planTreatment(survey: AudioSurvey, params: CleanParams): Treatment {
  const hum = params.denoise ? survey.hum : null;
  const denoise = params.denoise ? planDenoise(survey, params.loudnessLufs) : null;
  return {
    hum,
    denoise,
    dcOffsets: survey.noise.dcOffsets.map((offset) => (Math.abs(offset) >= dcWorthRemoving ? offset : 0)),
    silenceDbfs: params.trimSilence ? findSilenceLevel(survey, denoise?.depthDb ?? 0) : null,
  };
}

function planDenoise({ noise, reading }: AudioSurvey, loudnessLufs: number): Treatment["denoise"] {
  const { noiseFloorDbfs, pauseDbfs, speechDbfs, steady, profile } = noise;
  // Without anything that stands above the pauses they are no pauses, but the content.
  if (profile === null || noiseFloorDbfs === null || pauseDbfs === null || speechDbfs === null || !steady) return null;
  const gainDb = loudnessLufs - (reading.integratedLufs ?? loudnessLufs);
  const depthDb = Math.min(deepestDb, noiseFloorDbfs + gainDb - inaudibleDbfs);
  return depthDb < smallestDb ? null : { profile, depthDb };
}

/** Well above what is left of the noise and well below the voice; null where there is no room between them. */
function findSilenceLevel({ noise }: AudioSurvey, depthDb: number): number | null {
  const { noiseFloorDbfs, speechDbfs } = noise;
  if (speechDbfs === null) return null;
  const level = Math.max(speechDbfs - 32, (noiseFloorDbfs ?? -100) - depthDb + 8);
  return level < speechDbfs - 10 ? level : null;
}

/** Wide enough that a line 0.2 Hz beside its estimate still goes down by 20 dB. */
const notchWidthHz = 4;

/** Notches for hum, as ffmpeg filters: they run beside us, in the decoder's process. */
export function buildHumFilters(hum: HumFindings | null, toolchain: Pick<Toolchain, "ffmpeg">): readonly string[] {
  // Poles this close to the unit circle need double precision, for which older builds have no option.
  const precision = toolchain.ffmpeg.major >= 5 ? ":r=f64" : "";
  return (hum?.harmonics ?? []).map((k) => {
    const hz = ((hum?.fundamentalHz ?? 0) * k).toFixed(3);
    return `bandreject=f=${hz}:t=h:w=${notchWidthHz}${precision}`;
  });
}
