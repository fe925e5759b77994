import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { readToolPaths } from "../../config/tool-paths.ts";

/**
 * Schemathesis against the real API on the embedded platform, stateful: no 5xx, no undocumented status or content
 * type, no answer that breaks its schema. `--examples N` (20) tries more of each operation, `--seed N` repeats what another run did.
 */
const version = "4.32.5";
const checks = [
  "not_a_server_error",
  "status_code_conformance",
  "content_type_conformance",
  "response_schema_conformance",
];
const root = fileURLToPath(new URL("../../", import.meta.url));
const { values } = parseArgs({ options: { examples: { type: "string", default: "20" }, seed: { type: "string" } } });

function installSchemathesis(): string {
  const venv = join(readToolPaths().cacheDir, `schemathesis-${version}`);
  const command = join(venv, "bin", "st");
  if (existsSync(command)) return command;
  mkdirSync(join(venv, ".."), { recursive: true });
  for (const argv of [
    ["python3", "-m", "venv", venv],
    [join(venv, "bin", "pip"), "install", "-q", `schemathesis==${version}`],
  ]) {
    const { status } = spawnSync(argv[0] ?? "", argv.slice(1), { stdio: "inherit" });
    if (status !== 0) throw new Error(`cannot install schemathesis: ${argv.join(" ")} ended with ${status}`);
  }
  return command;
}

/** The platform with the file that the documentation's example names. @returns its URL and how to end it */
async function startPlatform(dataDir: string): Promise<{ url: string; stop: () => Promise<void> }> {
  const source = join(dataDir, "objects", "talk.wav");
  mkdirSync(join(dataDir, "objects"), { recursive: true });
  spawnSync("sox", `-n -r 16000 -c 1 ${source} synth 1 pinknoise vol 0.1`.split(" "), { stdio: "inherit" });
  const child = spawn(process.execPath, ["cli/main.ts", "dev", "--data", dataDir, "--port", "0", "--json"], {
    cwd: root,
    env: { ...process.env, MIXDOWN_REQUESTS_PER_SECOND: "0", MIXDOWN_DATA: dataDir },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
  for await (const line of child.stdout.setEncoding("utf8")) {
    const { url } = JSON.parse(String(line)) as { url: string };
    return {
      url,
      stop: async () => {
        child.kill("SIGTERM");
        await ended;
      },
    };
  }
  throw new Error("the platform did not start");
}

const dataDir = mkdtempSync(join(tmpdir(), "mixdown-fuzz-"));
try {
  const command = installSchemathesis();
  const platform = await startPlatform(dataDir);
  // A stream of events has no length of its own; tests/e2e/http.test.ts reads those.
  const argv = ["run", `${platform.url}/openapi.json`, "--max-examples", values.examples, "--checks", checks.join(",")];
  argv.push("--exclude-operation-id", "watchJob", "--request-timeout", "40", "--suppress-health-check", "all");
  if (values.seed !== undefined) argv.push("--seed", values.seed);
  const child = spawn(command, argv, { stdio: ["ignore", "inherit", "inherit"], cwd: dataDir });
  process.exitCode = await new Promise<number>((resolve) => child.once("close", (code) => resolve(code ?? 1)));
  await platform.stop();
} finally {
  rmSync(dataDir, { recursive: true, force: true });
}
