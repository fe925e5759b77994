import { tmpdir } from "node:os";
import { extname, resolve } from "node:path";
import { readToolPaths } from "../config/tool-paths.ts";
import { MixdownError } from "../core/errors.ts";
import type { KindName, ParamsOf } from "../core/kinds/index.ts";
import type { Report, Warning } from "../core/report.ts";
import { mixdownVersion } from "../core/version.ts";
import { describeOldBuild } from "../worker/media/toolchain/old-build.ts";
import { findToolchain, type Toolchain } from "../worker/media/toolchain/toolchain.ts";
import { recipes } from "../worker/recipes/index.ts";
import type { Recipe, RecipeContext, RecipeResult } from "../worker/recipes/recipe.ts";
import { deliver, dropFolder, prepareFolder } from "./deliver.ts";
import { type LocalInput, spoolStdin } from "./input-file.ts";
import { checkOutput, type OutputPlan } from "./output-file.ts";
import { createScratch } from "./scratch.ts";
import type { Session } from "./session.ts";

/** A recipe, or what has its shape but measures nothing (peaks). */
export type LocalRecipe<Params> = (
  context: RecipeContext,
  params: Params,
) => Promise<Omit<RecipeResult, "report"> & { readonly report: Report | null }>;

export interface LocalWork<Params> {
  /** For progress. */
  readonly label: string;
  readonly recipe: LocalRecipe<Params>;
  readonly params: Params;
  readonly inputs: readonly LocalInput[];
  readonly output: OutputPlan;
  /** Measure the whole output where the recipe by itself would look at parts of it. @default false */
  readonly measureWhole?: boolean;
}

export interface LocalResult {
  readonly outputs: readonly {
    readonly path: string;
    readonly contentType: string;
    readonly durationSeconds: number | null;
    readonly sizeBytes: number;
  }[];
  readonly report: Report | null;
  readonly warnings: readonly Warning[];
  /** Null where a platform elsewhere does not say. */
  readonly engine: { readonly mixdown: string; readonly ffmpeg: string; readonly steps: RecipeResult["steps"] } | null;
}

/** ffmpeg and ffprobe for local work; says so when it has to be the package's old build. */
export async function openToolchain({
  reporter,
}: Session): Promise<{ toolchain: Toolchain; warnings: readonly Warning[] }> {
  const toolchain = await findToolchain(readToolPaths());
  const warning = describeOldBuild(toolchain.ffmpeg);
  if (warning === null) return { toolchain, warnings: [] };
  reporter.warn(warning.detail);
  return { toolchain, warnings: [warning] };
}

/** The recipe of a kind, loaded now. */
export const loadLocalRecipe = <K extends KindName>(kind: K): Promise<Recipe<ParamsOf<K>>> => recipes[kind]();

/**
 * Runs one recipe on local files and puts its main output in its place. Whatever happens, nothing unfinished stays
 * behind, and an output that stood there before stands until the new one is complete.
 * @throws MixdownError of any family; `platform_interrupted` when the session's signal came
 */
export async function runLocal<Params>(
  work: LocalWork<Params>,
  { toolchain, warnings }: { toolchain: Toolchain; warnings: readonly Warning[] },
  { reporter, signal }: Session,
): Promise<LocalResult> {
  signal.throwIfAborted();
  const { label, output } = work;
  const scratch = createScratch(resolve(prepareFolder(output) ?? tmpdir()));
  try {
    const result = await work.recipe(
      {
        inputs: await Promise.all(
          work.inputs.map(async ({ name, path, role }) => ({
            name,
            role,
            path: path ?? (await spoolStdin(process.stdin, scratch.path, signal)),
          })),
        ),
        scratchDir: scratch.path,
        toolchain,
        signal,
        // What a waveform is drawn from is decoded from the whole.
        peaks: work.measureWhole === true,
        onProgress: (phase, percent) => reporter.progress(label, phase, percent),
      },
      work.params,
    );
    const main = result.outputs[0];
    if (main === undefined) throw new MixdownError("platform_internal", { message: `${label} gave no output.` });
    signal.throwIfAborted();
    const place = completePlan(output, main.name, work.inputs);
    const sizeBytes = await deliver(main.path, place, process.stdout);
    const { contentType, durationSeconds } = main;
    return {
      outputs: [{ path: place.shown, contentType, durationSeconds, sizeBytes }],
      report: result.report,
      warnings: [...warnings, ...result.warnings],
      engine: { mixdown: mixdownVersion, ffmpeg: toolchain.ffmpeg.version, steps: result.steps },
    };
  } catch (thrown) {
    // A child that was told to stop fails in many words; the reason is one.
    throw signal.aborted ? signal.reason : thrown;
  } finally {
    reporter.endProgress();
    await scratch.remove();
    dropFolder(output);
  }
}

/** Adds the extension that the recipe chose, where the user left it open. */
export function completePlan(plan: OutputPlan, name: string, inputs: readonly LocalInput[]): OutputPlan {
  if (plan.type === "stream" || plan.format !== undefined) return plan;
  const complete = { ...plan, shown: plan.shown + extname(name), format: extname(name).slice(1), newFolder: null };
  checkOutput(complete, inputs);
  return complete;
}
