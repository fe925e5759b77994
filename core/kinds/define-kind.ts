import type { z } from "zod";

/** How many inputs of one role a kind accepts. Counts are inclusive. */
export interface RoleRule {
  readonly name: string;
  readonly min: number;
  readonly max: number;
}

/** What a kind accepts as inputs. Counts are inclusive. */
export interface InputRule {
  readonly min: number;
  readonly max: number;
  /** Every input carries one of these; empty when roles mean nothing to the kind. */
  readonly roles: readonly RoleRule[];
}

/** A job kind: the one place its parameters, defaults, words and inputs are written down. */
export interface Kind<Name extends string, Params extends z.ZodObject> {
  readonly name: Name;
  /** One sentence for the help text, the API's reference and the docs. */
  readonly summary: string;
  readonly params: Params;
  readonly inputs: InputRule;
  /** Raised when the recipe's result changes for the same inputs and params; it is part of the cache key. */
  readonly recipeVersion: number;
}

export function defineKind<const Name extends string, Params extends z.ZodObject>(
  kind: Kind<Name, Params>,
): Kind<Name, Params> {
  return kind;
}
