import { randomBytes } from "node:crypto";
import { rmSync, statfsSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { readEmbeddedConfig } from "../../config/embedded.ts";
import { readToolPaths } from "../../config/tool-paths.ts";
import { exitCodeOf, MixdownError } from "../../core/errors.ts";
import { mixdownVersion } from "../../core/version.ts";
import { findToolchain } from "../../worker/media/toolchain/toolchain.ts";
import { findLaunchers } from "../../worker/process/launch-prefix.ts";
import { buildChecks, type FolderFacts } from "../doctor-checks.ts";
import { addCommonFlags, type DefineCommand, examples, type Session } from "../session.ts";

interface DoctorOptions {
  readonly data?: string;
  readonly calibrate?: boolean;
}

export const defineDoctor: DefineCommand = (command, session) => {
  addCommonFlags(
    command
      .helpGroup("Other:")
      .description("Says whether this machine has what mixdown needs, and which of it is used.")
      .option("--data <DIR>", "folder of the platform's state (default: MIXDOWN_DATA or .mixdown)")
      .option("--calibrate", "measure how fast this machine is (some seconds), for the estimates of dry runs"),
  )
    .addHelpText("after", examples("mixdown doctor", "mixdown doctor --json", "mixdown doctor --calibrate"))
    .action(session.action((options: DoctorOptions) => runDoctor(options, session)));
};

async function runDoctor(options: DoctorOptions, { reporter, signal }: Session): Promise<number> {
  const paths = readToolPaths();
  const dataDir = resolve(options.data ?? readEmbeddedConfig().dataDir);
  const found = await findToolchain(paths).then(
    (toolchain) => ({ toolchain, toolchainFault: null }),
    (error: unknown) => ({ toolchain: null, toolchainFault: MixdownError.from(error).message }),
  );
  const checks = buildChecks({
    ...found,
    nodeVersion: process.versions.node,
    launchers: findLaunchers(),
    platform: process.platform,
    folders: [
      // The cache only makes the start faster; the temporary folder is for stdin and stdout.
      inspectFolder("cache", paths.cacheDir, false),
      inspectFolder("data", dataDir, true),
      inspectFolder("temporary", tmpdir(), false),
    ],
  });
  const usable = checks.every((check) => check.status !== "fault");
  const calibration =
    options.calibrate === true && found.toolchain !== null && usable
      ? await (await import("../calibration.ts")).calibrate(paths.cacheDir, found.toolchain, signal)
      : undefined;
  reporter.printJson({ status: usable ? "succeeded" : "failed", mixdown: mixdownVersion, usable, checks, calibration });
  const width = Math.max(...checks.map((check) => check.name.length));
  for (const { name, status, detail } of checks)
    reporter.print(`${status.padEnd(7)}  ${name.padEnd(width)}  ${detail}`);
  if (calibration !== undefined) {
    const { cleanSpeed, slowness } = calibration;
    reporter.print(
      `clean works at ${cleanSpeed.toFixed(0)} times real time; estimates are multiplied by ${slowness.toFixed(2)}.`,
    );
  }
  reporter.print(
    usable ? "mixdown can be used here." : "mixdown cannot be used here: correct what is marked as fault.",
  );
  return usable ? 0 : exitCodeOf("platform_ffmpeg_missing");
}

/** Tries to write, and leaves nothing: a folder that was not there is looked at in its nearest parent. */
function inspectFolder(name: string, path: string, needed: boolean): FolderFacts {
  let folder = path;
  for (;;) {
    try {
      const file = join(folder, `.mixdown-doctor-${randomBytes(4).toString("hex")}`);
      writeFileSync(file, "");
      rmSync(file);
      const { bavail, bsize } = statfsSync(folder);
      return { name, path, needed, fault: null, freeBytes: bavail * bsize };
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (code !== "ENOENT" || dirname(folder) === folder)
        return { name, path, needed, fault: `cannot be written to (${code ?? message})`, freeBytes: null };
      folder = dirname(folder);
    }
  }
}
