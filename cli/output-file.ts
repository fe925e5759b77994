import { accessSync, constants, realpathSync, statSync } from "node:fs";
import { basename, dirname, extname, join, resolve, sep } from "node:path";
import { MixdownError } from "../core/errors.ts";
import type { LocalInput } from "./input-file.ts";
import { describeWriteFault } from "./scratch.ts";

/** Where one result goes, decided before anything runs. */
export type OutputPlan = FilePlan | StreamPlan;

export interface FilePlan {
  readonly type: "file";
  /** As the user shall see it; without its extension where `format` is undefined. */
  readonly shown: string;
  readonly format: string | undefined;
  /** Folder to be made for it, or null: it is there. */
  readonly newFolder: string | null;
}

/** stdout, or a device or pipe in the file system: gets the finished file's bytes. */
export interface StreamPlan {
  readonly type: "stream";
  readonly shown: string;
  /** Null: stdout. */
  readonly path: string | null;
  readonly format: string | undefined;
}

export interface OutputRequest {
  /** Word between name and extension of an output beside its input. */
  readonly command: string;
  readonly inputs: readonly LocalInput[];
  /** One output for each input, or one for all. */
  readonly each: boolean;
  /** The value of -o. */
  readonly out: string | undefined;
  /** Extensions that can be written. */
  readonly formats: readonly string[];
  /** The value of --format. */
  readonly format?: string | undefined;
  /** Format of an output whose name the user did not give. @default the input's, else what the recipe chooses */
  readonly fallbackFormat?: string | undefined;
}

/**
 * Plans the outputs, in the order of the inputs (one for all without `each`).
 * @throws MixdownError `usage_*`, `input_output_unwritable`; nothing has been touched then
 */
export function planOutputs(request: OutputRequest): readonly OutputPlan[] {
  const sources = request.each ? request.inputs : request.inputs.slice(0, 1);
  const plans = sources.map((input) => planOutput(request, input));
  for (const plan of plans) if (plan.type === "file") checkOutput(plan, request.inputs);
  refuseCollisions(
    plans,
    sources.map((source) => source.given),
  );
  return plans;
}

function refuseCollisions(plans: readonly OutputPlan[], given: readonly string[]): void {
  const byPath = new Map<string, string>();
  const byStem = new Map<string, string>();
  const openStems = new Map<string, string>();
  for (const [index, plan] of plans.entries()) {
    if (plan.type === "stream") continue;
    const name = given[index] ?? "";
    const path = collisionKey(plan.shown);
    // Whose extension is still open may get any.
    const isOpen = plan.format === undefined;
    const bare = isOpen ? path : path.slice(0, path.length - extname(path).length);
    const other = isOpen ? byStem.get(bare) : (byPath.get(path) ?? openStems.get(bare));
    if (other !== undefined) {
      throw new MixdownError("usage_invalid", {
        message: `${other} and ${name} would both become ${plan.shown}. Rename one, or run them apart with another -o.`,
      });
    }
    byPath.set(path, name);
    byStem.set(bare, name);
    if (isOpen) openStems.set(bare, name);
  }
}

function planOutput(request: OutputRequest, input: LocalInput): OutputPlan {
  const { out, inputs, each, format } = request;
  if (out === "-" || (out === undefined && input.path === null)) {
    if (each && inputs.length > 1) throw severalInputs(inputs.length, "stdout");
    return { type: "stream", shown: "stdout", path: null, format };
  }
  if (out === undefined)
    return planBeside(join(dirname(input.given), stem(input.name)), `.${request.command}`, request, input);
  if (out === "") throw new MixdownError("usage_invalid", { message: "-o is empty. Give a file, a folder or -." });
  const found = lookAt(out);
  const asFolder = out.endsWith("/") || out.endsWith(sep);
  if (found?.isDirectory() === true || asFolder) {
    if (!each) {
      throw new MixdownError("usage_invalid", {
        message: `-o ${out} is a folder, and ${request.command} makes one file. Name it, as in -o ${join(out, `all.${request.formats[0]}`)}.`,
      });
    }
    const plan = planBeside(join(out, stem(input.name)), "", request, input);
    return found === undefined ? { ...plan, newFolder: resolve(out) } : plan;
  }
  if (each && inputs.length > 1) throw severalInputs(inputs.length, out);
  // A rename would put a file in place of the device.
  if (found !== undefined && !found.isFile()) return { type: "stream", shown: out, path: resolve(out), format };
  return { type: "file", shown: out, format: readFormat(out, request), newFolder: null };
}

/** A name that the user did not spell out: the input's, with its extension where that can be written. */
function planBeside(base: string, word: string, request: OutputRequest, input: LocalInput): FilePlan {
  const own = formatOf(input.name);
  const format = request.format ?? request.fallbackFormat ?? (request.formats.includes(own) ? own : undefined);
  // As it was written (TALK.MP3), unless it changes.
  const extension = format === own ? extname(input.name) : format === undefined ? "" : `.${format}`;
  return { type: "file", shown: `${base}${word}${extension}`, format, newFolder: null };
}

/** What a name's extension asks for, or --format where there is none. @throws MixdownError `usage_invalid` */
function readFormat(out: string, { formats, format }: OutputRequest): string {
  const named = formatOf(out);
  if (named === "" && format !== undefined) return format;
  if (!formats.includes(named)) {
    const got = named === "" ? `${out} has no extension` : `${out} ends in .${named}, which cannot be written`;
    throw new MixdownError("usage_invalid", {
      message: `-o ${got}; the extension chooses the format: ${formats.map((name) => `.${name}`).join(", ")}.`,
    });
  }
  if (format !== undefined && format !== named) {
    throw new MixdownError("usage_invalid", {
      message: `--format ${format} and -o ${out} contradict each other. Leave one out.`,
    });
  }
  return named;
}

/** What must be true of an output's place. Run again when its extension is known. @throws MixdownError */
export function checkOutput(plan: FilePlan, inputs: readonly LocalInput[]): void {
  const folder = dirname(resolve(plan.shown));
  const parent = plan.newFolder === null ? folder : dirname(plan.newFolder);
  if (lookAt(parent)?.isDirectory() !== true) {
    throw new MixdownError("usage_output_folder_missing", {
      message: `The folder ${plan.newFolder === null ? dirname(plan.shown) : parent} does not exist. Create it first, or name another output.`,
    });
  }
  requireWritable(parent, parent === folder ? dirname(plan.shown) : parent);
  if (plan.format === undefined) return;
  const found = lookAt(resolve(plan.shown));
  if (found === undefined) return;
  if (found.isDirectory()) {
    throw new MixdownError("usage_invalid", { message: `${plan.shown} is a folder. Name another output.` });
  }
  // By device and inode: the same file under another case, by a link, or through a linked folder.
  const same = inputs.find((input) => {
    const entry = input.path === null ? undefined : lookAt(input.path);
    return entry !== undefined && entry.ino === found.ino && entry.dev === found.dev;
  });
  if (same !== undefined) {
    throw new MixdownError("usage_output_is_input", {
      message: `The output ${plan.shown} is the input ${same.given}, which would be lost. Name another output.`,
    });
  }
  // A rename could replace it all the same; who protected it did not want that.
  requireWritable(resolve(plan.shown), plan.shown);
}

function requireWritable(path: string, shown: string): void {
  try {
    accessSync(path, constants.W_OK);
  } catch (cause) {
    throw describeWriteFault(cause, shown);
  }
}

/** An entry, or undefined where there is none. @throws MixdownError `usage_invalid` for a name no file can have */
export function lookAt(path: string) {
  try {
    return statSync(path, { throwIfNoEntry: false, bigint: true });
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    if (code === "ENAMETOOLONG") {
      throw new MixdownError("usage_invalid", {
        message: `The name ${basename(path)} is too long. Give a shorter one with -o.`,
      });
    }
    return undefined;
  }
}

const severalInputs = (count: number, out: string): MixdownError =>
  new MixdownError("usage_invalid", {
    message: `${count} inputs cannot all become ${out}. Give a folder, as in -o cleaned/, for one output each.`,
  });

const stem = (name: string): string => basename(name, extname(name));
const formatOf = (name: string): string => extname(name).slice(1).toLowerCase();

/** Equal for two names of one file. */
function collisionKey(shown: string): string {
  const path = resolve(shown);
  let folder = dirname(path);
  try {
    folder = realpathSync(folder);
  } catch {
    // Still to be made.
  }
  const key = join(folder, basename(path)).normalize("NFC");
  return process.platform === "linux" ? key : key.toLowerCase();
}
