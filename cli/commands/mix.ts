import type { RemoteFlags } from "../../config/remote.ts";
import { mix } from "../../core/kinds/mix.ts";
import { parseInputs } from "../input-file.ts";
import { runBatch } from "../local-batch.ts";
import { loadLocalRecipe } from "../local-run.ts";
import { type OutputPlan, planOutputs } from "../output-file.ts";
import { addParamFlags, readParams } from "../param-flags.ts";
import { addRemoteFlags, findRemote } from "../remote.ts";
import { listInputs } from "../role-flags.ts";
import { addCommonFlags, type DefineCommand, examples, type Session } from "../session.ts";

const format = mix.params.shape.format;

interface MixOptions extends RemoteFlags, Record<string, unknown> {
  readonly output?: string;
}

export const defineMix: DefineCommand = (command, session) => {
  command
    .helpGroup("On files here:")
    .description(mix.summary)
    .argument("<VOICE...>", "narration; several follow one another; - is stdin")
    .option("--music <BED>", "the music to lay under it; repeated or cut to its length (required)")
    .option("-o, --output <OUT>", "file, or - for stdout (default: NAME.mix.EXT beside the first VOICE)");
  addParamFlags(command, "mix");
  addCommonFlags(addRemoteFlags(command))
    .addHelpText(
      "after",
      examples(
        "mixdown mix talk.wav --music bed.mp3 -o episode.mp3",
        "mixdown mix part-*.wav --music bed.flac -o episode.m4a --pre-roll 4 --post-roll 6",
        "mixdown mix talk.mp3 --music song.mp3 -o soft.mp3 --duck-db 18 --music-offset 12.5",
      ),
    )
    .action(session.action((given: string[], options: MixOptions) => runMix(given, options, session)));
};

async function runMix(given: readonly string[], options: MixOptions, session: Session): Promise<number> {
  const params = readParams("mix", options);
  const remote = findRemote(options);
  const listed = listInputs("mix", given, options);
  const inputs = parseInputs(listed.map(({ text }) => text)).map((input, index) => ({
    ...input,
    role: listed[index]?.role,
  }));
  const [output] = planOutputs({
    command: "mix",
    inputs,
    each: false,
    out: options.output,
    formats: format.unwrap().options,
    format: params.format,
  }) as [OutputPlan];
  const work = {
    given: listed.map(({ text }) => text).join(" "),
    label: given.length === 1 ? (inputs[0]?.name ?? "") : `${given.length} files`,
    params: { ...params, format: format.parse(output.format) },
    inputs,
    output,
  };
  const shown = { single: false, unnamed: options.output === undefined };
  if (remote !== null)
    return (await import("../remote-batch.ts")).runRemoteBatch("mix", [work], remote, session, shown);
  return runBatch([{ ...work, recipe: await loadLocalRecipe("mix") }], session, shown);
}
