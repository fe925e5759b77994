import { describeOldBuild } from "../worker/media/toolchain/old-build.ts";
import type { Toolchain } from "../worker/media/toolchain/toolchain.ts";
import type { Launchers } from "../worker/process/launch-prefix.ts";
import { formatBytes } from "./report-table.ts";

export interface DoctorFacts {
  readonly nodeVersion: string;
  /** Null with the reason in `toolchainFault`. */
  readonly toolchain: Toolchain | null;
  readonly toolchainFault: string | null;
  readonly launchers: Launchers;
  readonly platform: NodeJS.Platform;
  readonly folders: readonly FolderFacts[];
}

export interface FolderFacts {
  readonly name: string;
  readonly path: string;
  /** False: without it things are only slower, or one way is closed. */
  readonly needed: boolean;
  /** Null: writable. */
  readonly fault: string | null;
  readonly freeBytes: number | null;
}

export interface Check {
  readonly name: string;
  /** `fault`: it does not work like this; `warning`: it works, worse. */
  readonly status: "ok" | "warning" | "fault";
  readonly detail: string;
}

/** Filters and encoders that the recipes use; without those of the first list there is no recipe at all. */
const wanted = {
  filters: {
    needed: ["aformat", "aresample", "asetnsamples", "asplit", "atrim", "pan", "volume", "volumedetect"],
    better: [],
  },
  encoders: { needed: ["pcm_s16le", "flac", "aac"], better: ["libmp3lame", "libopus"] },
} as const;

const lowDiskBytes = 2 * 1000 ** 3;

/** What can be said of a machine. Pure. */
export function buildChecks(facts: DoctorFacts): readonly Check[] {
  return [
    { name: "node", status: Number(facts.nodeVersion.split(".")[0]) >= 24 ? "ok" : "fault", detail: facts.nodeVersion },
    ...checkTools(facts),
    checkLaunchers(facts),
    ...facts.folders.map(checkFolder),
  ];
}

function checkTools({ toolchain, toolchainFault }: DoctorFacts): readonly Check[] {
  if (toolchain === null) return [{ name: "ffmpeg", status: "fault", detail: toolchainFault ?? "not found" }];
  const { ffmpeg, ffprobe } = toolchain;
  const old =
    "the package's build of 2018: slower, with fewer filters, and no quality bar holds; install ffmpeg 5 or newer";
  const describe = (tool: { path: string; version: string; rung: string }): string =>
    `${tool.version}, ${tool.path} (${tool.rung === "bundled" ? old : tool.rung === "env" ? "named by the environment" : "the system's"})`;
  return [
    checkFfmpeg(ffmpeg, describe(ffmpeg)),
    { name: "ffprobe", status: ffprobe.rung === "bundled" ? "warning" : "ok", detail: describe(ffprobe) },
    checkNames("filters", ffmpeg.filters),
    checkNames("encoders", ffmpeg.encoders),
  ];
}

/** An old build that the environment names is as old as the package's. */
function checkFfmpeg(ffmpeg: Toolchain["ffmpeg"], detail: string): Check {
  const old = describeOldBuild(ffmpeg);
  if (old === null) return { name: "ffmpeg", status: "ok", detail };
  return { name: "ffmpeg", status: "warning", detail: ffmpeg.rung === "bundled" ? detail : `${detail}. ${old.detail}` };
}

function checkNames(name: "filters" | "encoders", found: ReadonlySet<string>): Check {
  const { needed, better } = wanted[name];
  const gone = needed.filter((each) => !found.has(each));
  const missed = better.filter((each) => !found.has(each));
  if (gone.length > 0) return { name, status: "fault", detail: `missing: ${[...gone, ...missed].join(", ")}` };
  if (missed.length > 0) return { name, status: "warning", detail: `missing: ${missed.join(", ")}` };
  return { name, status: "ok", detail: [...needed, ...better].join(", ") };
}

function checkLaunchers({ launchers, platform }: DoctorFacts): Check {
  const { setpriv, prlimit } = launchers;
  const end =
    setpriv !== null ? "setpriv --pdeathsig ends children with us" : "a watchdog process ends children with us";
  const bounds = prlimit !== null ? "prlimit bounds them" : "nothing bounds their CPU, memory and files";
  const good = platform !== "linux" || (setpriv !== null && prlimit !== null);
  return { name: "processes", status: good ? "ok" : "warning", detail: `${end}; ${bounds}` };
}

function checkFolder({ name, path, needed, fault, freeBytes }: FolderFacts): Check {
  if (fault !== null) return { name, status: needed ? "fault" : "warning", detail: `${path}: ${fault}` };
  const free = freeBytes === null ? "free space unknown" : `${formatBytes(freeBytes)} free`;
  return {
    name,
    status: freeBytes !== null && freeBytes < lowDiskBytes ? "warning" : "ok",
    detail: `${path}, writable, ${free}`,
  };
}
