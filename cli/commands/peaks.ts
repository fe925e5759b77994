import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { PeakBits } from "../../worker/media/waveform/peaks.ts";
import { buildPeaksDat, buildPeaksJson } from "../../worker/media/waveform/peaks-file.ts";
import { makePeaks } from "../../worker/recipes/peaks.ts";
import { parseInputs } from "../input-file.ts";
import { runBatch } from "../local-batch.ts";
import type { LocalRecipe } from "../local-run.ts";
import { type OutputPlan, planOutputs } from "../output-file.ts";
import { parseChoice, parseNumber } from "../param-flags.ts";
import { addCommonFlags, type DefineCommand, examples, type Session } from "../session.ts";

interface PeaksOptions {
  readonly output?: string;
  readonly samplesPerPixel: number;
  readonly bits: PeakBits;
}

/** audiowaveform needs 2 at least; beyond a million a day of audio is a handful of pixels. */
const samplesPerPixelRange = { min: 2, max: 1_000_000, whole: true };

export const definePeaks: DefineCommand = (command, session) => {
  command
    .helpGroup("On files here:")
    .description("Writes a recording's waveform in audiowaveform's format, version 2.")
    .argument("<IN>", "audio or video file; - is stdin")
    .option(
      "-o, --output <OUT>",
      "file ending in .json or .dat, or - for JSON on stdout (default: NAME.peaks.json beside IN)",
    )
    .option(
      "--samples-per-pixel <number>",
      "samples that one minimum and maximum stand for (2 to 1000000)",
      (text: string) => parseNumber("--samples-per-pixel", text, samplesPerPixelRange),
      256,
    )
    .option(
      "--bits <8|16>",
      "resolution of the values",
      (text: string) => Number(parseChoice("--bits", text, ["8", "16"])) as PeakBits,
      8,
    );
  addCommonFlags(command)
    .addHelpText(
      "after",
      examples(
        "mixdown peaks talk.mp3 -o talk.json",
        "mixdown peaks talk.mp3 -o talk.dat --samples-per-pixel 512 --bits 16",
      ),
    )
    .action(session.action((given: string, options: PeaksOptions) => runPeaks(given, options, session)));
};

async function runPeaks(given: string, options: PeaksOptions, session: Session): Promise<number> {
  const inputs = parseInputs([given]);
  const [output] = planOutputs({
    command: "peaks",
    inputs,
    each: true,
    out: options.output,
    formats: ["json", "dat"],
    fallbackFormat: "json",
  }) as [OutputPlan];
  const work = {
    given,
    label: inputs[0]?.name ?? given,
    recipe: writePeaks,
    params: { ...options, format: output.format },
    inputs,
    output,
  };
  return runBatch([work], session, { single: true, unnamed: options.output === undefined });
}

const writePeaks: LocalRecipe<PeaksOptions & { readonly format: string | undefined }> = async (context, options) => {
  const [input] = context.inputs;
  const peaks = await makePeaks(context, options, input?.path ?? "", input?.name);
  const asDat = options.format === "dat";
  const path = join(context.scratchDir, "peaks");
  await writeFile(path, asDat ? buildPeaksDat(peaks) : buildPeaksJson(peaks));
  return {
    outputs: [
      {
        name: asDat ? "peaks.dat" : "peaks.json",
        path,
        contentType: asDat ? "application/octet-stream" : "application/json",
        durationSeconds: (peaks.length * peaks.samplesPerPixel) / peaks.sampleRateHz,
      },
    ],
    report: null,
    warnings: [],
    steps: [],
  };
};
