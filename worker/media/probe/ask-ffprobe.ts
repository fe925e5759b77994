import { resolve } from "node:path";
import { runProcess } from "../../process/run-process.ts";
import type { Container } from "./container.ts";
import { buildGuardArgs } from "./input-args.ts";

/** A header is read within a second; this one is not a header. */
const timeoutMs = 30_000;
const bounds = { cpuSeconds: 30 };

/** Runs that were begun before anybody asked, by their command. */
const begun = new Map<string, Promise<string>>();

/** Arguments of ffprobe for a file of that container. */
export function buildProbeArgs(path: string, container: Container): readonly string[] {
  return [
    ...["-v", "error", "-hide_banner", ...buildGuardArgs(container.demuxers)],
    ...["-show_format", "-show_streams", "-show_chapters", "-print_format", "json"],
    `file:${resolve(path)}`,
  ];
}

/**
 * What ffprobe says of a file, as JSON. An answer that `beginFfprobe` has under way is taken, once.
 * @throws ProcessError, or the signal's reason
 */
export async function askFfprobe(
  ffprobePath: string,
  path: string,
  container: Container,
  signal: AbortSignal | undefined,
): Promise<string> {
  const args = buildProbeArgs(path, container);
  const command = [ffprobePath, ...args].join("\0");
  const ready = begun.get(command);
  begun.delete(command);
  const stdout = await (ready ?? run(ffprobePath, args, signal));
  signal?.throwIfAborted();
  return stdout;
}

/** Starts ffprobe on a file that will be asked about, so that it works while the caller still loads. It may fail unheard. */
export function beginFfprobe(ffprobePath: string, path: string, container: Container, signal: AbortSignal): void {
  const args = buildProbeArgs(path, container);
  const stdout = run(ffprobePath, args, signal);
  stdout.catch(() => {});
  begun.set([ffprobePath, ...args].join("\0"), stdout);
}

async function run(ffprobePath: string, args: readonly string[], signal: AbortSignal | undefined): Promise<string> {
  const { stdout } = await runProcess(ffprobePath, args, { signal, timeoutMs, bounds });
  return stdout.toString("utf8");
}
