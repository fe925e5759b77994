import type { KindName, ParamsOf } from "../../core/kinds/index.ts";
import type { Recipe } from "./recipe.ts";

/** The recipe of each kind, loaded when it is first needed. */
export const recipes: { readonly [K in KindName]: () => Promise<Recipe<ParamsOf<K>>> } = {
  clean: async () => (await import("./clean.ts")).clean,
  stitch: async () => (await import("./stitch.ts")).stitch,
  mix: async () => (await import("./mix.ts")).mix,
};

export const loadRecipe = async (kind: KindName): Promise<Recipe<Record<string, unknown>>> =>
  // Params were parsed by the kind's own schema when the job was accepted.
  (await recipes[kind]()) as Recipe<Record<string, unknown>>;
