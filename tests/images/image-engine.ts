import type { ChildProcess } from "node:child_process";
import { once } from "node:events";

export interface ImageConfig {
  readonly entrypoint: readonly string[];
  readonly user: string;
  readonly volumes: readonly string[];
  readonly env: readonly string[];
}

export interface ContainerOptions {
  readonly image: string;
  /** Name of what the container may write to; the same name is the same place. */
  readonly scratch: string;
  /** Where the container finds it. */
  readonly target: string;
  readonly env?: Readonly<Record<string, string>>;
  /** @default the image's own */
  readonly argv?: readonly string[];
}

/** A process in a container. */
export interface Container {
  /** By both streams. */
  said(): string;
  kill(signal: NodeJS.Signals): void;
  /** Its exit code; `null` when a signal ended it. */
  readonly ended: Promise<number | null>;
}

/** What builds images and runs them with a read-only root, as the cloud does. */
export interface ImageEngine {
  /** Which one, and its version. */
  readonly what: string;
  /** Arguments of `npm run images:build` that choose it. */
  readonly buildArgs: readonly string[];
  readConfig(image: string): ImageConfig;
  start(options: ContainerOptions): Container;
  /** What lies in a container's scratch when it has ended. */
  listScratch(scratch: string): readonly string[];
  /** Leaves nothing of what was started or built. */
  close(): Promise<void>;
}

export const tagOf = (name: string): string => `localhost/mixdown-${name}:latest`;

/** Keeps what a process says, until it ends. */
export function follow(child: ChildProcess): Omit<Container, "kill"> {
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (chunk) => (said += chunk));
  return { said: () => said, ended: once(child, "close").then(([code]) => code) };
}
