import { MixdownError } from "../../../core/errors.ts";
import { runProcess } from "../../process/run-process.ts";

/** What a build of ffmpeg says of itself. */
export interface Capabilities {
  readonly version: string;
  readonly major: number;
  readonly filters: readonly string[];
  readonly encoders: readonly string[];
}

/** `ffmpeg version 5.1.9-0+deb12u1 …`, also `n7.1`, and of git builds the year (`N-92722-gf22fcd4` gives 0). */
export function parseVersion(output: string): { version: string; major: number } {
  const version = /^ff(?:mpeg|probe) version (\S+)/m.exec(output)?.[1] ?? "unknown";
  const major = Number(/^n?(\d+)\./.exec(version)?.[1] ?? 0);
  return { version, major };
}

/** Names of `ffmpeg -filters` (` T.C afftdn  A->A  …`). */
export function parseFilters(output: string): readonly string[] {
  return [
    ...output.matchAll(/^ [T.][S.][C.] (\S+)\s+\S+->\S+/gm),
    ...output.matchAll(/^ [T.][S.] (\S+)\s+\S+->\S+/gm),
  ].map((match) => match[1] ?? "");
}

/** Names of `ffmpeg -encoders` (` A..... libmp3lame  …`), below the legend's rule. */
export function parseEncoders(output: string): readonly string[] {
  const body = output.slice(output.indexOf("------"));
  return [...body.matchAll(/^ [VAS][A-Z.]{5} (\S+)/gm)].map((match) => match[1] ?? "");
}

/** Asks the binary, three processes at once. Throws platform_ffmpeg_missing when it cannot be run. */
export async function probeFfmpeg(path: string): Promise<Capabilities> {
  const [version, filters, encoders] = await Promise.all(
    ["-version", "-filters", "-encoders"].map((flag) => ask(path, ["-hide_banner", flag])),
  );
  return {
    ...parseVersion(version ?? ""),
    filters: parseFilters(filters ?? ""),
    encoders: parseEncoders(encoders ?? ""),
  };
}

export async function probeFfprobe(path: string): Promise<{ version: string; major: number }> {
  return parseVersion(await ask(path, ["-version"]));
}

async function ask(path: string, args: readonly string[]): Promise<string> {
  try {
    return (await runProcess(path, args, { timeoutMs: 20_000 })).stdout.toString("utf8");
  } catch (cause) {
    throw new MixdownError("platform_ffmpeg_missing", {
      message: `${path} cannot be run as ffmpeg or ffprobe. Install ffmpeg 5 or newer, or set FFMPEG_PATH and FFPROBE_PATH.`,
      cause,
    });
  }
}
