import { createWriteStream } from "node:fs";
import { basename, join, resolve } from "node:path";
import { type Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { MixdownError } from "../core/errors.ts";
import { limits } from "../core/limits.ts";

export interface LocalInput {
  /** As the user wrote it. */
  readonly given: string;
  /** File name, for messages and for the names of outputs. */
  readonly name: string;
  /** Absolute, so that no name can be taken for an option or a protocol; null for stdin, which has no place. */
  readonly path: string | null;
  /** @default none */
  readonly role?: string | undefined;
}

/** Reads what stands for inputs on the command line; looks at no file. @throws MixdownError `usage_*` */
export function parseInputs(given: readonly string[]): readonly LocalInput[] {
  const inputs = given.map(parseInput);
  if (inputs.filter((input) => input.path === null).length > 1) {
    throw new MixdownError("usage_invalid", { message: "stdin (-) can be read only once. Give the others as files." });
  }
  return inputs;
}

function parseInput(given: string): LocalInput {
  if (given === "-") return { given, name: "stdin", path: null };
  if (given === "") throw new MixdownError("usage_invalid", { message: "An input's name is empty. Give a file." });
  if (/^[a-z][a-z0-9+.-]+:\/\//i.test(given)) {
    throw new MixdownError("usage_remote_input", {
      message: `${given} is an address, and nothing is fetched from the network. Download the file first and give its local path.`,
    });
  }
  return { given, name: basename(given), path: resolve(given) };
}

/**
 * Keeps stdin as a file in `folder`: recipes read their input more than once.
 * @throws MixdownError `usage_invalid` on a terminal, `limit_input_size`, `platform_disk_full`
 */
export async function spoolStdin(
  stdin: Readable & { readonly isTTY?: boolean },
  folder: string,
  signal: AbortSignal,
): Promise<string> {
  if (stdin.isTTY === true) {
    throw new MixdownError("usage_invalid", {
      message: "- reads stdin, and that is the terminal. Pipe a file into it, or give the file's name.",
    });
  }
  const path = join(folder, "stdin");
  let bytes = 0;
  const bound = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      if (bytes <= limits.inputBytes) return done(null, chunk);
      done(
        new MixdownError("limit_input_size", {
          message: `stdin carries more than ${limits.inputBytes} bytes, which is the most an input may have. Split it first.`,
        }),
      );
    },
  });
  await pipeline(stdin, bound, createWriteStream(path), { signal });
  return path;
}
