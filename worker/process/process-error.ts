import { MixdownError } from "../../core/errors.ts";

/** What is known of a child process after its end. */
export interface ProcessResult {
  /** As asked for, without the launchers that bound it. */
  readonly argv: readonly string[];
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly durationMs: number;
  readonly timedOut: boolean;
  /** The last of what it wrote on stderr, at most `limits.stderrTailBytes`. */
  readonly stderrTail: string;
}

/** A child that did not end with 0; carries the shape of a result. */
export class ProcessError extends Error implements ProcessResult {
  override readonly name = "ProcessError";
  readonly argv: readonly string[];
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly durationMs: number;
  readonly timedOut: boolean;
  readonly stderrTail: string;

  constructor(result: ProcessResult, cause?: unknown) {
    super(describeEnd(result, cause), cause === undefined ? undefined : { cause });
    this.argv = result.argv;
    this.exitCode = result.exitCode;
    this.signal = result.signal;
    this.durationMs = result.durationMs;
    this.timedOut = result.timedOut;
    this.stderrTail = result.stderrTail;
  }
}

function describeEnd(result: ProcessResult, cause: unknown): string {
  const file = result.argv[0] ?? "";
  if (cause instanceof Error) return `${file} could not be started: ${cause.message}`;
  if (result.timedOut) return `${file} was ended after ${Math.round(result.durationMs / 1000)} s, its time limit`;
  return `${file} ended with ${result.signal ?? `exit code ${result.exitCode}`}`;
}

/**
 * The ends that mean the same for every tool: time limit, resource limits, full disk, missing binary.
 * Anything else is null, for the caller that knows the tool.
 */
export function mapProcessError(error: ProcessError): MixdownError | null {
  const wrap = (
    code: "limit_timeout" | "limit_resources" | "platform_disk_full" | "platform_ffmpeg_missing",
    message: string,
  ) => new MixdownError(code, { message, stderrTail: error.stderrTail, cause: error });
  const tool = (error.argv[0] ?? "").split("/").at(-1) ?? "";
  const startCode = (error.cause as { code?: unknown } | undefined)?.code;
  // Behind a launcher a missing binary is that launcher's exit code, as in a shell.
  const launcherFailed =
    (error.exitCode === 126 || error.exitCode === 127) && /failed to execute/.test(error.stderrTail);
  if (startCode === "ENOENT" || startCode === "EACCES" || launcherFailed) {
    return wrap(
      "platform_ffmpeg_missing",
      `${tool} could not be started; \`mixdown doctor\` says which tools are used.`,
    );
  }
  if (error.timedOut) {
    return wrap("limit_timeout", `Processing was ended after its limit of ${Math.round(error.durationMs / 1000)} s.`);
  }
  // A tool that handles SIGXCPU says so and exits; the signal itself is seen from one that does not.
  if (error.signal === "SIGXCPU" || /received signal 24\b/.test(error.stderrTail)) {
    return wrap("limit_resources", `${tool} used more CPU time than a job may use.`);
  }
  if (error.signal === "SIGXFSZ" || /File too large/.test(error.stderrTail)) {
    return wrap("limit_resources", `${tool} wrote a larger file than a job may write.`);
  }
  if (/Cannot allocate memory|cannot allocate memory|std::bad_alloc/.test(error.stderrTail)) {
    return wrap("limit_resources", `${tool} asked for more memory than a job may use.`);
  }
  if (/No space left on device|Disk quota exceeded/.test(error.stderrTail)) {
    return wrap(
      "platform_disk_full",
      "The disk is full: free some space where temporary files and outputs are written.",
    );
  }
  return null;
}
