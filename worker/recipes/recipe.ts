import type { Report, Warning } from "../../core/report.ts";
import type { Toolchain } from "../media/toolchain/toolchain.ts";

export interface RecipeInput {
  /** Local file; its name says nothing about its content. */
  readonly path: string;
  /** What the user calls it, for messages. */
  readonly name: string;
  readonly role?: string | undefined;
}

export interface RecipeContext {
  readonly inputs: readonly RecipeInput[];
  /** Folder of this run alone; the caller removes it, whatever happens. Finished outputs lie in it too. */
  readonly scratchDir: string;
  readonly toolchain: Toolchain;
  /** Aborting ends every child process and rejects with the signal's reason. */
  readonly signal: AbortSignal;
  /** Also make peaks.json and peaks.dat of the output. */
  readonly peaks: boolean;
  /** `percent` is 0-100 over the whole recipe and never goes backwards. */
  onProgress(phase: "probing" | "processing", percent: number): void;
}

export interface RecipeOutput {
  /** File name for the user, e.g. "talk.mp3". */
  readonly name: string;
  readonly path: string;
  readonly contentType: string;
  readonly durationSeconds: number | null;
}

export interface RecipeResult {
  /** The first is the main one. */
  readonly outputs: readonly RecipeOutput[];
  readonly report: Report;
  readonly warnings: readonly Warning[];
  /** What ran, with paths written as {in0}, {out}: a result can be reproduced. */
  readonly steps: readonly { readonly argv: readonly string[] }[];
}

/** Turns local inputs into local outputs. `params` are complete: defaults were filled at the door. */
export type Recipe<Params> = (context: RecipeContext, params: Params) => Promise<RecipeResult>;
