import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createSqliteApiKeyStore } from "../adapters/embedded/api-key-store.ts";
import { systemClock } from "../adapters/embedded/clock.ts";
import { openDatabase } from "../adapters/embedded/database.ts";
import { createSqliteDeadLetterStore } from "../adapters/embedded/dead-letter-store.ts";
import { createSqliteEventLog } from "../adapters/embedded/event-log.ts";
import { acquireInstanceLock, isInstanceLocked } from "../adapters/embedded/instance-lock.ts";
import { createSqliteJobQueue } from "../adapters/embedded/job-queue.ts";
import { createSqliteJobStore } from "../adapters/embedded/job-store.ts";
import { createFileObjectStore } from "../adapters/embedded/object-store.ts";
import { servePorts } from "../adapters/embedded/port-channel.ts";
import { createSqlitePurge } from "../adapters/embedded/purge.ts";
import { createMemoryRateLimiter } from "../adapters/embedded/rate-limiter.ts";
import { createSqliteResultCache } from "../adapters/embedded/result-cache.ts";
import { readSecret } from "../adapters/embedded/secret-file.ts";
import { createProcessLauncher } from "../adapters/embedded/task-launcher.ts";
import { createTransferHandler } from "../adapters/embedded/transfers/handler.ts";
import { createMultipartFiles } from "../adapters/embedded/transfers/multipart-files.ts";
import { createTransferSigner } from "../adapters/embedded/transfers/signer.ts";
import { createSqliteWebhookStore } from "../adapters/embedded/webhook-store.ts";
import { createWebhookSender } from "../adapters/http/webhook-sender.ts";
import { createApi } from "../api/app.ts";
import { buildWorkerEnv, type EmbeddedConfig, taskScratch } from "../config/embedded.ts";
import type { HttpConfig } from "../config/http.ts";
import { readToolPaths } from "../config/tool-paths.ts";
import type { ApiKeyStore } from "../core/api-ports.ts";
import { MixdownError } from "../core/errors.ts";
import { formatJobRef } from "../core/job.ts";
import { limits } from "../core/limits.ts";
import type { Platform } from "../core/platform.ts";
import type { EventLog, TaskLauncher } from "../core/ports.ts";
import { mixdownVersion } from "../core/version.ts";
import { planDeliveries, sendDue } from "../core/webhooks.ts";
import { describeOldBuild } from "../worker/media/toolchain/old-build.ts";
import { type FfmpegTool, findToolchain } from "../worker/media/toolchain/toolchain.ts";
import { readSlowness } from "./calibration.ts";
import { startHttpServer } from "./http-server.ts";
import { runLoops, settleExit } from "./platform-loop.ts";

/** In the data folder: where the platform that works on it answers. */
const addressFile = "api.url";
/** A message that a dying invoker held comes back after this; SQS's default of 30 s is for machines that are far away. */
const visibilityTimeoutMs = 10_000;
/** Ctrl-C on the platform: a worker gives its job back within this, or is killed. */
const workerGraceMs = 5_000;

/** `/stitch` and `/mix` answer 202 when their job takes longer: HTTP APIs on AWS end at 30 s. */
const patienceMs = 25_000;
/** A watched job is looked at this often: a step of a progress bar. */
const watchMs = 100;
/** As the bucket's rule for incomplete uploads. */
const abandonedUploadMs = 24 * 3_600_000;

export interface EmbeddedPlatform {
  readonly platform: Platform;
  readonly events: EventLog;
  readonly keys: ApiKeyStore;
  /** Whether a platform process works on this folder now. */
  readonly isRunning: boolean;
  close(): Promise<void>;
}

/** Opens the stores of a data folder, for one command. Jobs are launched by the platform process alone. */
export async function openEmbedded(config: EmbeddedConfig): Promise<EmbeddedPlatform> {
  const { ffmpeg } = await findToolchain(readToolPaths());
  const opened = openStores(config, ffmpeg.major, absentLauncher);
  return { ...opened, isRunning: isInstanceLocked(config.dataDir), close: async () => opened.close() };
}

/** Where the API of the platform on this folder is; null when none runs, or it serves none. */
export function findApiUrl(config: EmbeddedConfig): string | null {
  if (!isInstanceLocked(config.dataDir)) return null;
  try {
    return readFileSync(join(config.dataDir, addressFile), "utf8");
  } catch {
    return null;
  }
}

/** The platform process launches and stops; it sees within a second what a command wrote. */
const absentLauncher: TaskLauncher = {
  launch: () => Promise.reject(new Error("only the platform process launches tasks")),
  stop: async () => {},
  isAlive: async () => false,
};

function openStores(config: EmbeddedConfig, ffmpegMajor: number, launcher: TaskLauncher) {
  mkdirSync(config.dataDir, { recursive: true });
  const database = openDatabase(join(config.dataDir, "mixdown.sqlite"));
  const queue = createSqliteJobQueue(database, systemClock, {
    visibilityTimeoutMs,
    maxReceiveCount: limits.maxReceiveCount,
  });
  const platform: Platform = {
    jobs: createSqliteJobStore(database, systemClock),
    queue,
    cache: createSqliteResultCache(database),
    deadLetters: createSqliteDeadLetterStore(database, systemClock),
    objects: createFileObjectStore(join(config.dataDir, "objects"), { scratchDir: join(config.dataDir, "scratch") }),
    launcher,
    clock: systemClock,
    settings: {
      defaultOwner: config.defaultOwner,
      sharedCache: config.sharedCache,
      mixdownVersion,
      ffmpegMajor,
      lanes: "embedded",
      slowness: readSlowness(readToolPaths().cacheDir),
      outputsMs: config.outputsMs,
    },
  };
  return {
    platform,
    queue,
    events: createSqliteEventLog(database),
    keys: createSqliteApiKeyStore(database),
    webhooks: createSqliteWebhookStore(database),
    purgeRows: createSqlitePurge(database, systemClock),
    close: () => database.close(),
  };
}

export interface RunPlatformOptions {
  readonly config: EmbeddedConfig;
  /** Ends the platform: workers give their jobs back, then everything is closed. */
  readonly signal: AbortSignal;
  /** Also serve the HTTP API. */
  readonly http?: HttpConfig | undefined;
  readonly onReady: (facts: PlatformFacts) => void;
  readonly onFault: (error: unknown) => void;
}

/** Removes the scratch folders of a task that has ended; a worker that was killed could not do it. */
async function removeScratch(config: EmbeddedConfig, prefix: string): Promise<void> {
  const folder = join(config.dataDir, "scratch");
  for (const name of await readdir(folder).catch(() => [])) {
    if (name.startsWith(prefix)) await rm(join(folder, name), { recursive: true, force: true, maxRetries: 3 });
  }
}

export interface PlatformFacts {
  readonly ffmpegVersion: string;
  readonly pid: number;
  /** Where the API is, if it is served. */
  readonly url: string | null;
}

/**
 * Queue, invoker, reconciler and workers in one process tree, until the signal.
 * @throws MixdownError `usage_store_locked` when another platform works on the folder, `usage_port_taken`,
 *   `platform_ffmpeg_missing`
 */
export async function runPlatform({ config, http, signal, onReady, onFault }: RunPlatformOptions): Promise<void> {
  const { ffmpeg } = await findToolchain(readToolPaths());
  refuseOldBuild(ffmpeg, http);
  mkdirSync(config.dataDir, { recursive: true });
  const lock = acquireInstanceLock(config.dataDir);
  try {
    rmSync(join(config.dataDir, addressFile), { force: true });
    // Whoever worked here before is dead: its scratch is nobody's.
    rmSync(join(config.dataDir, "scratch"), { recursive: true, force: true });
    const launcher = createProcessLauncher({
      command: [process.execPath, fileURLToPath(new URL("../worker/main.ts", import.meta.url))],
      env: buildWorkerEnv(config),
      defaultOwner: config.defaultOwner,
      slots: config.workers,
      graceMs: workerGraceMs,
      serve: (child) => servePorts(child, { jobs: platform.jobs, cache: platform.cache, queue: platform.queue }),
      onExit: async (exit) => {
        await removeScratch(config, taskScratch(formatJobRef(exit.ref, config.defaultOwner), exit.attempt)).catch(
          onFault,
        );
        await settleExit(platform, exit, signal.aborted).catch(onFault);
      },
    });
    const stores = openStores(config, ffmpeg.major, launcher);
    const { platform, close } = stores;
    // What a killed platform had in its hands would block its groups for the visibility timeout.
    await stores.queue.handBackAll();
    const sender = createWebhookSender({ allowPrivate: config.privateWebhooks });
    const deliverWebhooks = async () => {
      const deps = { webhooks: stores.webhooks, events: stores.events, sender, clock: systemClock };
      await planDeliveries(deps);
      await sendDue(deps);
    };
    try {
      const server = http === undefined ? null : await serveHttp(config, http, stores, onFault);
      try {
        if (server !== null) writeFileSync(join(config.dataDir, addressFile), server.url);
        onReady({ ffmpegVersion: ffmpeg.version, pid: process.pid, url: server?.url ?? null });
        const sweepUploads = () => server?.sweepUploads() ?? Promise.resolve(0);
        await runLoops({
          platform,
          freeSlots: () => launcher.freeSlots(),
          sweepUploads,
          purgeRows: stores.purgeRows,
          deliverWebhooks,
          signal,
          onFault,
        });
      } finally {
        await server?.close();
      }
    } finally {
      await launcher.close();
      close();
    }
  } finally {
    lock.release();
  }
}

/** Strangers' media go through no decoder that has had no fixes for years. @throws MixdownError `platform_ffmpeg_missing` */
function refuseOldBuild(ffmpeg: FfmpegTool, http: HttpConfig | undefined): void {
  if (http === undefined || http.access === "loopback" || describeOldBuild(ffmpeg) === null) return;
  throw new MixdownError("platform_ffmpeg_missing", {
    message: `The ffmpeg found (${ffmpeg.version}, ${ffmpeg.path}) is too old to serve ${http.host}: it lacks years of security fixes. Install ffmpeg 5 or newer, or listen on 127.0.0.1 only.`,
  });
}

/** The HTTP API over the embedded stores, with presigned files served by the same process. */
async function serveHttp(
  config: EmbeddedConfig,
  http: HttpConfig,
  { platform, keys, webhooks }: ReturnType<typeof openStores>,
  onFault: (error: unknown) => void,
) {
  const shared = {
    secret: await readSecret(join(config.dataDir, "transfer.key")),
    objects: platform.objects,
    multipart: createMultipartFiles(join(config.dataDir, "multipart")),
    scratchDir: join(config.dataDir, "scratch"),
    clock: systemClock,
  };
  let url = "";
  const transfers = createTransferSigner({ ...shared, baseUrl: () => url });
  const limiter = createMemoryRateLimiter(systemClock);
  const settings = { ...http, patienceMs, watchMs, onFault };
  const server = await startHttpServer({
    host: http.host,
    port: http.port,
    api: createApi({ platform, transfers, keys, limiter, webhooks, settings }).fetch,
    transfers: createTransferHandler(shared),
  });
  url = http.publicUrl ?? `http://${http.access === "loopback" ? "localhost" : http.host}:${server.port}`;
  return {
    url,
    sweepUploads: () => transfers.sweepMultipart(systemClock.now() - abandonedUploadMs),
    close: () => server.close(),
  };
}
