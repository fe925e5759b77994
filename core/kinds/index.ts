import type { z } from "zod";
import { describeIssues } from "../describe-issues.ts";
import { MixdownError } from "../errors.ts";
import { clean } from "./clean.ts";
import { mix } from "./mix.ts";
import { stitch } from "./stitch.ts";

/** Every kind that this version can process. A new kind is one file and one line here (CONTRIBUTING.md). */
export const kinds = { clean, stitch, mix } as const;

export type KindName = keyof typeof kinds;
export type ParamsOf<K extends KindName> = z.output<(typeof kinds)[K]["params"]>;
export type CleanParams = ParamsOf<"clean">;
export type StitchParams = ParamsOf<"stitch">;
export type MixParams = ParamsOf<"mix">;

export const kindNames = Object.keys(kinds) as [KindName, ...KindName[]];

/** Fills defaults and refuses what is unknown or out of range, in one sentence that names path, value and range. */
export function parseParams<K extends KindName>(kind: K, params: unknown): ParamsOf<K> {
  const parsed = kinds[kind].params.safeParse(params ?? {});
  if (parsed.success) return parsed.data as ParamsOf<K>;
  throw new MixdownError("usage_invalid", { message: `${kind}: ${describeIssues(parsed.error, params)}.` });
}
