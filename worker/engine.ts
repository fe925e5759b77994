import { mkdirSync } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import { extname, join } from "node:path";
import type { Engine, EngineResult, EngineWork } from "../core/run.ts";
import { type RunStory, shortenStory, wholeReportName } from "../core/shorten-report.ts";
import { describeOldBuild } from "./media/toolchain/old-build.ts";
import type { Toolchain } from "./media/toolchain/toolchain.ts";
import { loadRecipe } from "./recipes/index.ts";

export interface MediaEngineOptions {
  /** Folder of this run alone. It is made here and removed by `close`. */
  readonly scratchDir: string;
  readonly toolchain: Toolchain;
  readonly mixdownVersion: string;
}

/** The media engine as a job sees it: files in, files out, everything in between in one folder. */
export function createMediaEngine(options: MediaEngineOptions): Engine & { close(): Promise<void> } {
  const { scratchDir, toolchain } = options;
  mkdirSync(join(scratchDir, "in"), { recursive: true });
  return {
    // The user's name of the file stays out of paths; its extension helps nobody but a person who looks.
    inputPath: (index, name) => join(scratchDir, "in", `${index}${safeExtension(name)}`),
    process: (work) => runRecipe(work, options),
    close: () => rm(scratchDir, { recursive: true, force: true }),
  };

  async function runRecipe(work: EngineWork, { mixdownVersion }: MediaEngineOptions): Promise<EngineResult> {
    const recipe = await loadRecipe(work.job.kind);
    const result = await recipe(
      { inputs: work.inputs, scratchDir, toolchain, signal: work.signal, peaks: true, onProgress: work.onProgress },
      work.job.params,
    );
    const oldBuild = describeOldBuild(toolchain.ffmpeg);
    const whole: RunStory = {
      report: result.report,
      warnings: [...(oldBuild === null ? [] : [oldBuild]), ...result.warnings],
      engine: {
        mixdown: mixdownVersion,
        ffmpeg: toolchain.ffmpeg.version,
        steps: result.steps.map((step) => ({ argv: [...step.argv] })),
      },
    };
    const story = shortenStory(whole);
    if (story === whole) return { outputs: result.outputs, ...whole };
    const path = join(scratchDir, wholeReportName);
    await writeFile(path, JSON.stringify(whole));
    const output = { name: wholeReportName, path, contentType: "application/json", durationSeconds: null };
    return { outputs: [...result.outputs, output], ...story };
  }
}

const safeExtension = (name: string): string => /^\.[A-Za-z0-9]{1,8}$/.exec(extname(name))?.[0] ?? "";
