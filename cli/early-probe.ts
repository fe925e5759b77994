import { readToolPaths } from "../config/tool-paths.ts";
import { beginFfprobe } from "../worker/media/probe/ask-ffprobe.ts";
import { readHead, requireContainer } from "../worker/media/probe/read-head.ts";
import { findKnownFfprobe } from "../worker/media/toolchain/toolchain.ts";

/** Commands whose first word is an input that will be probed here, nearly always. */
const probing: ReadonlySet<string> = new Set(["clean", "peaks", "probe"]);

/**
 * Starts ffprobe on the input of a local command before its flags are even read: it takes 50 ms, as long as loading
 * the command. A guess, which the command's own gate takes up or leaves; what is wrong with the file, the gate says.
 */
export async function beginEarlyProbe(argv: readonly string[]): Promise<void> {
  const [command = "", input = ""] = argv;
  if (!probing.has(command) || input === "" || input.startsWith("-") || argv.some(isElsewhere)) return;
  const ffprobe = findKnownFfprobe(readToolPaths());
  if (ffprobe === null) return;
  try {
    const { head } = await readHead(input, input);
    const container = requireContainer(head, input);
    const ending = new AbortController();
    process.once("exit", () => ending.abort());
    beginFfprobe(ffprobe, input, container, ending.signal);
  } catch {
    // The gate says it, in its place and with its exit code.
  }
}

const isElsewhere = (word: string): boolean => /^--(?:remote|profile|help)\b|^-h$/.test(word);
