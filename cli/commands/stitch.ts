import { Option } from "commander";
import type { RemoteFlags } from "../../config/remote.ts";
import { stitch } from "../../core/kinds/stitch.ts";
import { parseInputs } from "../input-file.ts";
import { runBatch } from "../local-batch.ts";
import { loadLocalRecipe } from "../local-run.ts";
import { type OutputPlan, planOutputs } from "../output-file.ts";
import { addParamFlags, readParams } from "../param-flags.ts";
import { addRemoteFlags, findRemote } from "../remote.ts";
import { listInputs } from "../role-flags.ts";
import { addCommonFlags, type DefineCommand, examples, type Session } from "../session.ts";

const format = stitch.params.shape.format;

interface StitchOptions extends RemoteFlags, Record<string, unknown> {
  readonly output?: string;
  readonly report?: string;
}

export const defineStitch: DefineCommand = (command, session) => {
  command
    .helpGroup("On files here:")
    .description(stitch.summary)
    .argument("<IN...>", "audio files in their order; - is stdin")
    .option("-o, --output <OUT>", "file, or - for stdout (default: NAME.stitch.EXT beside the first IN)");
  addParamFlags(command, "stitch");
  command.addOption(
    new Option("--report <HOW>", "what is measured where frames are copied").choices(["full", "seams"]),
  );
  addCommonFlags(addRemoteFlags(command))
    .addHelpText(
      "after",
      examples(
        "mixdown stitch intro.wav talk.mp3 outro.m4a -o episode.mp3",
        "mixdown stitch part-*.wav -o whole.flac --crossfade-ms 250",
        "mixdown stitch a.mp3 b.mp3 -o both.mp3 --gap-ms 800 --match-loudness",
      ),
    )
    .action(session.action((given: string[], options: StitchOptions) => runStitch(given, options, session)));
};

async function runStitch(given: readonly string[], options: StitchOptions, session: Session): Promise<number> {
  const params = readParams("stitch", options);
  const remote = findRemote(options);
  const inputs = parseInputs(listInputs("stitch", given, options).map(({ text }) => text));
  const [output] = planOutputs({
    command: "stitch",
    inputs,
    each: false,
    out: options.output,
    formats: format.unwrap().options,
    format: params.format,
  }) as [OutputPlan];
  const work = {
    given: given.join(" "),
    label: inputs.length === 1 ? (inputs[0]?.name ?? "") : `${inputs.length} files`,
    params: { ...params, format: format.parse(output.format) },
    inputs,
    output,
    measureWhole: options.report === "full",
  };
  const shown = { single: false, unnamed: options.output === undefined };
  if (remote !== null)
    return (await import("../remote-batch.ts")).runRemoteBatch("stitch", [work], remote, session, shown);
  return runBatch([{ ...work, recipe: await loadLocalRecipe("stitch") }], session, shown);
}
