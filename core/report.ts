import { z } from "zod";

const seconds = z.number().nonnegative();

/** Where a file stands, measured on decoded samples. `null`: not measurable (silence, under 0.4 s). */
export const measurementSchema = z.object({
  /** EBU R 128 programme loudness, LUFS. */
  integratedLufs: z.number().nullable(),
  /** ITU-R BS.1770 true peak, dBTP. */
  truePeakDbtp: z.number().nullable(),
  /** EBU Tech 3342 loudness range, LU. */
  loudnessRangeLu: z.number().nullable(),
  /** Level of the pauses, dBFS RMS; `null` where no pause was found or it was not looked for. */
  noiseFloorDbfs: z.number().nullable(),
  durationSeconds: seconds,
  sampleRateHz: z.number().int().positive(),
  channels: z.number().int().positive(),
  codec: z.string(),
  /** What of the file the figures speak of; `used`: of music, as much as was needed. */
  measured: z.enum(["whole", "seams", "used"]),
});
export type Measurement = z.infer<typeof measurementSchema>;

export const warningSchema = z.object({ code: z.string(), detail: z.string() });
export type Warning = z.infer<typeof warningSchema>;

/** Measured numbers of one job. `before` is one entry per input. Times are seconds. */
export const reportSchema = z.object({
  before: z.array(measurementSchema),
  after: measurementSchema.nullable(),
  /** Only where lists were too long for the job's document: they end early here, and are whole in the output. */
  shortened: z
    .object({
      output: z.literal("report.json"),
      /** How many entries each shortened list has, by its path, as in `report.before`. */
      counts: z.record(z.string(), z.number().int().positive()),
      /** Of all inputs: their sum, the range of their loudness, the highest of their peaks. */
      beforeSeconds: seconds,
      beforeLufs: z.object({ min: z.number(), max: z.number() }).nullable(),
      beforePeakDbtp: z.number().nullable(),
    })
    .optional(),
  /** What was found and what was done about it (clean). */
  treatment: z
    .object({
      /** `white`, `coloured`: steady noise, flat or not; `unsteady`: voices, music, events behind the voice, left alone. */
      noise: z.enum(["none", "white", "coloured", "unsteady", "hum", "white+hum", "coloured+hum"]),
      noiseFloorDbfs: z.number().nullable(),
      humHz: z.number().nullable(),
      humHarmonics: z.number().int().nonnegative(),
      denoiser: z.string().nullable(),
      gainDb: z.number(),
      limited: z.boolean(),
      corrected: z.boolean(),
    })
    .optional(),
  /** Maps times of the input to times of the output where silence was shortened (clean with trimSilence). */
  edits: z
    .array(z.object({ inputStartSeconds: seconds, inputEndSeconds: seconds, outputStartSeconds: seconds }))
    .optional(),
  /** How the inputs were joined (stitch). Positions are in the output. */
  join: z
    .object({
      way: z.enum(["exact", "fast"]),
      reason: z.string(),
      pieces: z.array(z.object({ startSeconds: seconds, durationSeconds: seconds, gainDb: z.number() })),
      /** Output duration less the sum that the inputs, gaps and crossfades give, milliseconds. */
      driftMs: z.number(),
    })
    .optional(),
  /** How music was laid under narration (mix). Times are seconds of the output. */
  mix: z
    .object({
      /** Where each narration input came to lie. */
      narration: z.array(z.object({ startSeconds: seconds, durationSeconds: seconds })),
      /** Speech that was found, pauses of up to a second included; the first of them, where there are very many. */
      speech: z.array(z.object({ startSeconds: seconds, endSeconds: seconds })),
      speechCount: z.number().int().nonnegative(),
      speechSeconds: seconds,
      duckDb: z.number(),
      /** Loudness of the music under that of the narration while it speaks, LU; null where either is silent. */
      musicLuBelow: z.number().nullable(),
      /** Of the music where nobody speaks, against its file; without `gainDb`. */
      musicGainDb: z.number(),
      /** Of the whole, to the loudness that was asked for. */
      gainDb: z.number(),
      /** Times that the music was begun again. */
      musicLoops: z.number().int().nonnegative(),
      limited: z.boolean(),
      corrected: z.boolean(),
    })
    .optional(),
});
export type Report = z.infer<typeof reportSchema>;
