import type { Command } from "commander";
import { MixdownError } from "../core/errors.ts";
import type { InputRule } from "../core/kinds/define-kind.ts";
import { type KindName, kinds } from "../core/kinds/index.ts";

const rolesOf = (kind: KindName): InputRule["roles"] => kinds[kind].inputs.roles;

/** A role of which there can be one only is given by a flag of its name; the arguments are of the other role. */
const flagRoles = (kind: KindName) => rolesOf(kind).filter((role) => role.max === 1);

/** Adds a flag for each input that has a role of its own (`--music BED`). */
export function addRoleFlags(command: Command, kind: KindName): void {
  for (const { name, min } of flagRoles(kind)) {
    command.option(`--${name} <IN>`, `the ${name}, given as any input is${min > 0 ? " (required)" : ""}`);
  }
}

export interface GivenInput {
  readonly text: string;
  readonly role: string | undefined;
}

/**
 * All inputs of a command line with their roles: the arguments, then what flags name.
 * @throws MixdownError `usage_invalid` when a role that is needed is missing, `limit_inputs`
 */
export function listInputs(
  kind: KindName,
  given: readonly string[],
  options: Readonly<Record<string, unknown>>,
): readonly GivenInput[] {
  const argumentRole = rolesOf(kind).find((role) => role.max > 1)?.name;
  const named = flagRoles(kind).flatMap(({ name, min }) => {
    const text = options[name];
    if (typeof text === "string") return [{ text, role: name }];
    if (min === 0) return [];
    throw new MixdownError("usage_invalid", {
      message: `--${name} is missing, and ${kind} needs one input as its ${name}. Give it, as in --${name} FILE.`,
    });
  });
  const inputs = [...given.map((text) => ({ text, role: argumentRole })), ...named];
  const { max } = kinds[kind].inputs;
  if (inputs.length <= max) return inputs;
  throw new MixdownError("limit_inputs", {
    message: `${kind} takes at most ${max} ${max === 1 ? "input" : "inputs"} (received ${inputs.length}). Work in several steps.`,
  });
}
