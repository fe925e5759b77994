import { z } from "zod";
import { limits } from "../limits.ts";
import { audioFormatSchema } from "./audio-formats.ts";
import { clean } from "./clean.ts";
import { defineKind } from "./define-kind.ts";

const { loudnessLufs, ceilingDbtp, strict } = clean.params.shape;
const seconds = z.number().min(0).max(600).default(0);

export const mix = defineKind({
  name: "mix",
  summary: "Lays music under narration: it steps back while somebody speaks, and returns in the pauses.",
  recipeVersion: 2,
  inputs: {
    min: 2,
    max: limits.inputsPerJob,
    roles: [
      { name: "narration", min: 1, max: limits.inputsPerJob - 1 },
      { name: "music", min: 1, max: 1 },
    ],
  },
  params: z.strictObject({
    duckDb: z
      .number()
      .min(0)
      .max(40)
      .default(12)
      .describe("How far the music steps back while somebody speaks, in dB."),
    musicOffsetSeconds: seconds.describe("Where in the music file to begin; it is repeated from there."),
    preRollSeconds: seconds.describe("Music alone before the narration."),
    postRollSeconds: seconds.describe("Music alone after the narration."),
    musicLufsBelow: z
      .number()
      .min(0)
      .max(40)
      .default(10)
      .describe("How far the music lies under the voice at least while it speaks, in LU; alone it is never louder."),
    loudnessLufs,
    ceilingDbtp,
    strict,
    format: audioFormatSchema.optional().describe("Output format. Default: that of the first narration."),
  }),
});
