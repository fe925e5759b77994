import { join } from "node:path";
import { systemClock } from "../adapters/embedded/clock.ts";
import { createFileObjectStore } from "../adapters/embedded/object-store.ts";
import { connectPorts } from "../adapters/embedded/port-channel.ts";
import type { EmbeddedConfig } from "../config/embedded.ts";
import type { WorkPlatform } from "../core/run.ts";
import { mixdownVersion } from "../core/version.ts";

/** The worker's ports on one machine: files directly, everything that is written to the store through the platform. */
export function openWorkPlatform(config: EmbeddedConfig, ffmpegMajor: number): WorkPlatform {
  const { jobs, cache, queue } = connectPorts(process);
  return {
    jobs,
    cache,
    queue,
    objects: createFileObjectStore(join(config.dataDir, "objects"), { scratchDir: join(config.dataDir, "scratch") }),
    clock: systemClock,
    settings: {
      defaultOwner: config.defaultOwner,
      sharedCache: config.sharedCache,
      mixdownVersion,
      ffmpegMajor,
      lanes: "embedded",
      outputsMs: config.outputsMs,
    },
  };
}
