import { type Command, Option } from "commander";
import { z } from "zod";
import { MixdownError } from "../core/errors.ts";
import { type KindName, kinds, type ParamsOf, parseParams } from "../core/kinds/index.ts";

/** One parameter of a kind as a flag. Default, range and words are the schema's. */
export interface ParamFlag {
  readonly param: string;
  /** `--loudness`; of a switch that is on by default, `--no-denoise`. */
  readonly flag: string;
  /** What commander shows and parses: `--loudness <lufs>`. */
  readonly usage: string;
  readonly help: string;
  /** Text to value. @throws MixdownError `usage_invalid` */
  readonly parse: ((text: string) => unknown) | null;
}

/** Flags that do not follow from the parameter's name. Seconds are what a time is given in, and not said. */
const shortNames: Readonly<Record<string, string>> = {
  loudnessLufs: "loudness",
  ceilingDbtp: "ceiling",
  musicOffsetSeconds: "music-offset",
  preRollSeconds: "pre-roll",
  postRollSeconds: "post-roll",
};

/** Units as they end a parameter's name, and as they are written. */
const units: readonly (readonly [suffix: string, unit: string])[] = [
  ["Lufs", "LUFS"],
  ["Dbtp", "dBTP"],
  ["Ms", "ms"],
  ["Seconds", "s"],
  ["Db", "dB"],
];

/** The part of a JSON schema that flags are made of. */
interface PropertySchema {
  readonly type?: string;
  readonly default?: unknown;
  readonly description?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly enum?: readonly string[];
}

const built = new Map<KindName, readonly ParamFlag[]>();

/** Flags of a kind's parameters, in the schema's order. */
export function buildParamFlags(kind: KindName): readonly ParamFlag[] {
  const known = built.get(kind);
  if (known !== undefined) return known;
  const { properties = {} } = z.toJSONSchema(kinds[kind].params, { io: "input" });
  const flags = Object.entries(properties).map(([param, property]) => buildFlag(param, property as PropertySchema));
  built.set(kind, flags);
  return flags;
}

function buildFlag(param: string, schema: PropertySchema): ParamFlag {
  const name =
    shortNames[param] ?? param.replace(/(?<=.)Seconds$/, "").replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  const text = schema.description ?? "";
  if (schema.type === "boolean") {
    if (schema.default !== true) return { param, flag: `--${name}`, usage: `--${name}`, help: text, parse: null };
    const help = `Do not ${text.charAt(0).toLowerCase()}${text.slice(1)}`;
    return { param, flag: `--no-${name}`, usage: `--no-${name}`, help, parse: null };
  }
  const flag = `--${name}`;
  const standard = schema.default === undefined ? [] : [`default ${schema.default}`];
  const help = (...facts: readonly string[]): string => `${text} (${[...facts, ...standard].join("; ")})`;
  if (schema.enum !== undefined) {
    const choices = schema.enum;
    return {
      param,
      flag,
      usage: `${flag} <${name}>`,
      help: help(choices.join(", ")),
      parse: (value) => parseChoice(flag, value, choices),
    };
  }
  const unit = units.find(([suffix]) => param.endsWith(suffix))?.[1] ?? "";
  const bounds = { min: schema.minimum ?? -Infinity, max: schema.maximum ?? Infinity, unit };
  return {
    param,
    flag,
    usage: `${flag} <${unit === "" ? "number" : unit.toLowerCase()}>`,
    help: help(`${bounds.min} to ${bounds.max}`),
    parse: (value) => parseNumber(flag, value, bounds),
  };
}

/** Reads a number in decimal notation; U+2212, the minus sign of printed text, is one too. @throws MixdownError `usage_invalid` */
export function parseNumber(
  flag: string,
  text: string,
  { min, max, unit = "", whole = false }: { min: number; max: number; unit?: string; whole?: boolean },
): number {
  const plain = text.trim().replace("\u2212", "-");
  const value = /^[+-]?(\d+\.?\d*|\.\d+)$/.test(plain) ? Number(plain) : Number.NaN;
  if (value >= min && value <= max && (!whole || Number.isInteger(value))) return value === 0 ? 0 : value;
  const range = max === Infinity ? `from ${min} up` : `from ${min} to ${max}`;
  throw new MixdownError("usage_invalid", {
    message: `${flag} is ${JSON.stringify(text)}; allowed is a ${whole ? "whole " : ""}number ${range}${unit === "" ? "" : ` ${unit}`}.`,
  });
}

/** @throws MixdownError `usage_invalid` */
export function parseChoice<Choice extends string>(flag: string, text: string, choices: readonly Choice[]): Choice {
  const found = choices.find((choice) => choice === text);
  if (found !== undefined) return found;
  throw new MixdownError("usage_invalid", {
    message: `${flag} is ${JSON.stringify(text)}; allowed is one of ${choices.join(", ")}.`,
  });
}

/** Adds a kind's flags to a command. */
export function addParamFlags(command: Command, kind: KindName): void {
  for (const { usage, help, parse } of buildParamFlags(kind)) {
    const option = new Option(usage, help);
    command.addOption(parse === null ? option : option.argParser(parse));
  }
}

/** The params that were given by flags, `extra` added, checked as a whole. @throws MixdownError `usage_invalid` with the flags' names */
export function readParams<K extends KindName>(
  kind: K,
  options: Readonly<Record<string, unknown>>,
  extra: Readonly<Record<string, unknown>> = {},
): ParamsOf<K> {
  const flags = buildParamFlags(kind);
  const given: Record<string, unknown> = {};
  for (const { param, usage } of flags) {
    const value = options[new Option(usage).attributeName()];
    if (value !== undefined) given[param] = value;
  }
  try {
    return parseParams(kind, { ...given, ...extra });
  } catch (thrown) {
    const error = MixdownError.from(thrown);
    const message = flags.reduce(
      (text, { param, flag }) => text.replaceAll(new RegExp(`\\b${param}\\b`, "g"), flag),
      error.message,
    );
    throw new MixdownError(error.code, { message, cause: error });
  }
}
