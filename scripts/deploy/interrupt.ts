import { MixdownError } from "../../core/errors.ts";

const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** npm passes on what the terminal has sent to everybody already: one press comes twice. */
const sameKeyMs = 1_000;

/**
 * Ctrl-C while something is deployed. Tools run in process groups of their own, so that the terminal's signal comes to us
 * alone and each of ours reaches the tool once: Terraform ends after what it is at, and keeps its state; at a second one it
 * breaks off.
 */
export interface Interrupt {
  readonly signal: AbortSignal;
  /** Passes signals on to a tool's process group. @returns what ends that */
  passTo(pid: number): () => void;
  /** @throws MixdownError `platform_interrupted` */
  check(): void;
  close(): void;
}

export function listenForInterrupt(): Interrupt {
  const controller = new AbortController();
  const pids = new Set<number>();
  let heardAt = Number.NEGATIVE_INFINITY;
  const hear = () => {
    const now = performance.now();
    if (now - heardAt < sameKeyMs) return;
    heardAt = now;
    controller.abort(buildInterrupted());
    for (const pid of pids) stopGroup(pid);
  };
  for (const name of signals) process.on(name, hear);
  return {
    signal: controller.signal,
    passTo(pid) {
      pids.add(pid);
      // The signal came while the tool was being started.
      if (controller.signal.aborted) stopGroup(pid);
      return () => pids.delete(pid);
    },
    check: () => controller.signal.throwIfAborted(),
    close() {
      for (const name of signals) process.off(name, hear);
    },
  };
}

const buildInterrupted = (): MixdownError =>
  new MixdownError("platform_interrupted", {
    message: "Interrupted: what was done stays, nothing is half-recorded, and the same command goes on from here.",
  });

function stopGroup(pid: number): void {
  try {
    process.kill(-pid, "SIGINT");
  } catch {
    // It has ended by itself.
  }
}
