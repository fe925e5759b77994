import { z } from "zod";
import { limits } from "../limits.ts";
import { audioFormatSchema } from "./audio-formats.ts";
import { defineKind } from "./define-kind.ts";

export const stitch = defineKind({
  name: "stitch",
  summary: "Joins recordings end to end, to the sample or by copying, with optional gaps or crossfades.",
  recipeVersion: 2,
  inputs: { min: 1, max: limits.inputsPerJob, roles: [] },
  params: z
    .strictObject({
      gapMs: z.number().min(0).max(60_000).default(0).describe("Silence between the inputs, in milliseconds."),
      crossfadeMs: z.number().min(0).max(10_000).default(0).describe("Overlap of neighbours, in milliseconds."),
      matchLoudness: z.boolean().default(false).describe("Bring all inputs to one loudness before they are joined."),
      join: z.enum(["auto", "exact", "fast"]).default("auto").describe("How the inputs are joined."),
      format: audioFormatSchema.optional().describe("Output format. Default: that of the first input."),
    })
    .refine((params) => params.gapMs === 0 || params.crossfadeMs === 0, {
      error: "gapMs and crossfadeMs exclude each other: neighbours either overlap or stand apart; leave one at 0",
      path: ["crossfadeMs"],
    }),
});
