import { MixdownError } from "../core/errors.ts";

/** 128 + the signal's number, as shells count. */
const exitCodes = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;
type EndSignal = keyof typeof exitCodes;

export interface Interrupts {
  /** Aborted with `platform_interrupted` at the first signal. */
  readonly signal: AbortSignal;
  /** The exit code of the signal that came, or null. */
  exitCode(): number | null;
}

/**
 * The first Ctrl-C (or SIGTERM, SIGHUP) asks for a tidy end; the second ends the process at once. What is left then,
 * the `exit` handlers remove, and children die with us (worker/process/launch-prefix.ts).
 */
export function listenForInterrupts(): Interrupts {
  const controller = new AbortController();
  let first: EndSignal | null = null;
  for (const name of Object.keys(exitCodes) as EndSignal[]) {
    process.on(name, () => {
      if (first !== null) process.exit(exitCodes[first]);
      first = name;
      controller.abort(
        new MixdownError("platform_interrupted", {
          message: `Interrupted by ${name}; what was unfinished is removed.`,
        }),
      );
    });
  }
  return { signal: controller.signal, exitCode: () => (first === null ? null : exitCodes[first]) };
}
