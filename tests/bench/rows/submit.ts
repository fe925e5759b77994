import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { promisify } from "node:util";
import { watchMemory } from "../measure-run.ts";
import type { Row } from "../row.ts";
import { cliPath, makeSpeech } from "../sources.ts";

const run = promisify(execFile);

interface EndedJob {
  readonly status: string;
  readonly cached: boolean;
  readonly createdAt: string;
  readonly finishedAt: string;
}

export const submit: Row = {
  name: "submit",
  work: "from a job's acceptance to its success, embedded, cleaning a clip of 10 s",
  bar: { type: "time", atMostMs: 1_000 },
  async prepare({ folder }) {
    const data = join(folder, "data");
    const platform = spawn(process.execPath, [cliPath, "dev", "--data", data], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    await once(platform.stdout, "data");
    return {
      ours: {
        name: "submit to succeeded",
        async run(round) {
          // Another content each time: an equal job would be served from the cache.
          const clip = makeSpeech(folder, 10, round);
          const memory = watchMemory(platform.pid ?? 0);
          try {
            const args = [cliPath, "submit", "clean", clip, "--wait", "--json", "--quiet", "--data", data];
            const job = JSON.parse((await run(process.execPath, args)).stdout) as EndedJob;
            if (job.status !== "succeeded" || job.cached) throw new Error(`the job ended ${job.status}`);
            return { wallMs: Date.parse(job.finishedAt) - Date.parse(job.createdAt), peakBytes: memory.peakBytes() };
          } finally {
            memory.stop();
          }
        },
      },
      close: () => stop(platform),
    };
  },
};

async function stop(platform: ChildProcess): Promise<void> {
  if (platform.exitCode !== null || platform.signalCode !== null) return;
  const ended = once(platform, "exit");
  platform.kill("SIGTERM");
  await ended;
}
