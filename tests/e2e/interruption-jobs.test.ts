import { once } from "node:events";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createRandom } from "../fixtures/random.ts";
import { EmbeddedFixture } from "./embedded-fixture.ts";
import { findMarked } from "./process-tree.ts";

/** Beside the 100 rounds of kill -9 of kill.test.ts: the signals that can be heard. */
const rounds = Number(process.env.MIXDOWN_INTERRUPT_ROUNDS ?? 6);
const seed = Number(process.env.MIXDOWN_INTERRUPT_SEED ?? Date.now() % 100_000);

let fixture: EmbeddedFixture;
beforeEach(async () => {
  fixture = await EmbeddedFixture.open();
});
afterEach(() => fixture.close());

const roles = { platform: "main.ts dev", worker: "worker/main.ts", ffmpeg: "ffmpeg" } as const;
const victims = ["worker", "ffmpeg", "platform"] as const;

test(
  `fails when ${rounds} signals to platform, worker and ffmpeg lose a job, show half an output, or leave a process`,
  async () => {
    await fixture.putNoise("raw/local/1/noise.wav", 20);
    const random = createRandom(seed);
    let platform = await fixture.start();
    for (let round = 0; round < rounds; round++) {
      const victim = victims[round % 3] ?? "worker";
      const signal = round % 2 === 0 ? "SIGTERM" : "SIGINT";
      const jobId = `job-${round}`;
      const told = `seed ${seed}, round ${round}: ${signal} to ${victim}`;
      const kind = round % 4 < 2 ? "clean" : "stitch";
      const params = kind === "clean" ? { loudnessLufs: -16 - round / 100 } : { gapMs: round };
      const inputs =
        kind === "clean" ? [{ key: "raw/local/1/noise.wav" }] : Array(3).fill({ key: "raw/local/1/noise.wav" });
      await fixture.submit({ jobId, kind, params, inputs });
      await fixture.until(jobId, (job) => job.status !== "queued");
      await sleep(random() * 900);
      const pids = findMarked(fixture.dataDir).filter(({ command }) => command.includes(roles[victim]));
      for (const { pid } of pids.slice(0, 1)) process.kill(pid, signal);
      if (victim === "platform") {
        if (platform.exitCode === null && platform.signalCode === null) await once(platform, "close");
        expect(await fixture.quiet(2_000), `${told}: still alive`).toEqual([]);
        platform = await fixture.start();
      }
      const job = await fixture.ended(jobId);
      expect(job, `${told}: ${job.error?.code} ${job.error?.detail}`).toMatchObject({ status: "succeeded" });
      expect(readdirSync(join(fixture.dataDir, "objects", "outputs", jobId)), told).toHaveLength(1);
    }
    platform.kill("SIGTERM");
    await once(platform, "close");
    expect(await fixture.quiet(2_000), `seed ${seed}`).toEqual([]);
  },
  rounds * 30_000,
);
