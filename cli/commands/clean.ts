import type { RemoteFlags } from "../../config/remote.ts";
import { clean } from "../../core/kinds/clean.ts";
import { parseInputs } from "../input-file.ts";
import { runBatch } from "../local-batch.ts";
import { loadLocalRecipe } from "../local-run.ts";
import { type OutputPlan, planOutputs } from "../output-file.ts";
import { addParamFlags, readParams } from "../param-flags.ts";
import { addRemoteFlags, findRemote } from "../remote.ts";
import { addCommonFlags, type DefineCommand, examples, type Session } from "../session.ts";

const format = clean.params.shape.format;

interface CleanOptions extends RemoteFlags, Record<string, unknown> {
  readonly output?: string;
}

export const defineClean: DefineCommand = (command, session) => {
  command
    .helpGroup("On files here:")
    .description(clean.summary)
    .argument("<IN...>", "audio or video files; - is stdin")
    .option(
      "-o, --output <OUT>",
      "file, or folder for one output each, or - for stdout (default: NAME.clean.EXT beside IN)",
    );
  addParamFlags(command, "clean");
  addCommonFlags(addRemoteFlags(command))
    .addHelpText(
      "after",
      examples(
        "mixdown clean talk.mp3 -o talk.clean.mp3",
        "mixdown clean talk.wav -o talk.m4a --loudness -19 --ceiling -2",
        "mixdown clean *.mp3 -o cleaned/",
        "mixdown clean interview.mp4 -o better.mp4      # the picture is kept",
        "cat talk.wav | mixdown clean - -o - --format mp3 > talk.mp3",
      ),
    )
    .action(session.action((given: string[], options: CleanOptions) => runClean(given, options, session)));
};

async function runClean(given: readonly string[], options: CleanOptions, session: Session): Promise<number> {
  const params = readParams("clean", options);
  const remote = findRemote(options);
  const inputs = parseInputs(given);
  const plans = planOutputs({
    command: "clean",
    inputs,
    each: true,
    out: options.output,
    formats: format.unwrap().options,
    format: params.format,
  });
  const works = inputs.map((input, index) => {
    const output = plans[index] as OutputPlan;
    return {
      given: input.given,
      label: input.name,
      params: { ...params, format: format.parse(output.format) },
      inputs: [input],
      output,
    };
  });
  const shown = { single: true, unnamed: options.output === undefined };
  if (remote !== null)
    return (await import("../remote-batch.ts")).runRemoteBatch("clean", works, remote, session, shown);
  const recipe = await loadLocalRecipe("clean");
  return runBatch(
    works.map((work) => ({ ...work, recipe })),
    session,
    shown,
  );
}
