import { availableParallelism } from "node:os";
import { buildHttpEnv, readHttpConfig } from "../../config/http.ts";
import { addDataFlag, readConfig, type StoreOptions } from "../embedded-store.ts";
import { parseNumber } from "../param-flags.ts";
import { addCommonFlags, type DefineCommand, examples, type Session } from "../session.ts";

interface DevOptions extends StoreOptions {
  readonly workers?: number;
  readonly port?: number;
  readonly host?: string;
}

export const defineDev: DefineCommand = (command, session) => {
  command
    .helpGroup("Jobs of the platform here:")
    .description("Runs the platform on this machine: HTTP API, queue, invoker and workers, until Ctrl-C.")
    .option(
      "--port <number>",
      "port of the HTTP API (default: MIXDOWN_PORT or 4747; 0: any that is free)",
      (text: string) => parseNumber("--port", text, { min: 0, max: 65_535, whole: true }),
    )
    .option(
      "--host <address>",
      "address to listen on (default: MIXDOWN_HOST or 127.0.0.1); beyond loopback a key is demanded",
    )
    .option(
      "--workers <number>",
      `jobs processed at once (1 to 256, or 0 to accept only; default: MIXDOWN_WORKERS or one a core, here ${availableParallelism()})`,
      (text: string) => parseNumber("--workers", text, { min: 0, max: 256, whole: true }),
    );
  addCommonFlags(addDataFlag(command))
    .addHelpText("after", examples("mixdown dev", "mixdown dev --data /var/lib/mixdown --workers 4"))
    .action(session.action((options: DevOptions) => runDev(options, session)));
};

async function runDev(options: DevOptions, { reporter, signal }: Session): Promise<number> {
  const standard = readConfig(options);
  const config = { ...standard, workers: options.workers ?? standard.workers };
  const http = readHttpConfig(buildHttpEnv(options));
  const { runPlatform } = await import("../wiring.ts");
  const data = options.data === undefined ? "" : ` --data ${options.data}`;
  await runPlatform({
    config,
    http,
    signal,
    onReady: ({ ffmpegVersion, pid, url }) => {
      const { dataDir, workers } = config;
      reporter.printJson({ status: "running", url, dataDir, workers, ffmpegVersion, pid }, { lines: true });
      reporter.print(
        [
          `mixdown is running (process ${pid}, ${workers} workers, ffmpeg ${ffmpegVersion}).`,
          `  api      ${url}/v1 (reference: ${url}/docs)`,
          `  client   MIXDOWN_URL=${url}`,
          `  folder   ${dataDir}`,
          `  submit   npx mixdown submit clean talk.mp3 --wait${data}`,
          `  list     npx mixdown jobs${data}`,
          "  stop     Ctrl-C: what runs is handed back and goes on at the next start",
        ].join("\n"),
      );
    },
    onFault: (error) => reporter.warn(`${error instanceof Error ? error.message : String(error)} (it is tried again)`),
  });
  return 0;
}
