/** What the environment says about the terminal. */
export interface TerminalConfig {
  /** NO_COLOR is set to anything but the empty string (no-color.org). */
  readonly noColor: boolean;
  /** A terminal that cannot move its cursor: lines instead of bars. */
  readonly dumb: boolean;
}

/** Reads NO_COLOR and TERM. */
export function readTerminalConfig(env: NodeJS.ProcessEnv = process.env): TerminalConfig {
  return { noColor: (env.NO_COLOR ?? "") !== "", dumb: env.TERM === "dumb" };
}
