import { z } from "zod";
import { audioFormatNames } from "./audio-formats.ts";
import { defineKind } from "./define-kind.ts";

export const clean = defineKind({
  name: "clean",
  summary: "Removes noise and hum from speech and sets its loudness.",
  recipeVersion: 2,
  inputs: { min: 1, max: 1, roles: [] },
  params: z.strictObject({
    loudnessLufs: z
      .number()
      .min(-40)
      .max(-8)
      .default(-16)
      .describe("EBU R 128 programme loudness of the result, in LUFS."),
    ceilingDbtp: z.number().min(-9).max(0).default(-1).describe("True peak that is never exceeded, in dBTP."),
    denoise: z.boolean().default(true).describe("Reduce noise and hum where they are found."),
    trimSilence: z.boolean().default(false).describe("Shorten long silences; the report then carries an edit list."),
    strict: z.boolean().default(false).describe("Fail, rather than warn, when a bound is not met."),
    format: z
      .enum([...audioFormatNames, "mp4"])
      .optional()
      .describe("Output format. Default: that of the input where it can be written, else m4a (mp4 for video)."),
  }),
});
