import { expect, test } from "vitest";
import type { DomainEvent } from "../../../core/events.ts";
import { runAttempt } from "../../../core/run-attempt.ts";
import { submit } from "../../../core/submit.ts";
import { World } from "./model/world.ts";

const ref = { owner: "local", jobId: "j" };

/** Runs a job whose recipe tells every percent. */
async function run(publish: (events: readonly DomainEvent[]) => Promise<readonly DomainEvent[]>) {
  const world = new World();
  world.objects.put("raw/local/1/a.wav", "a");
  await submit(world.process(), { jobId: "j", kind: "clean", inputs: [{ key: "raw/local/1/a.wav" }] }, ref);
  await world.invoke();
  try {
    const outcome = await runAttempt(
      { ...world.process(), progress: { publish } },
      ref,
      1,
      {
        inputPath: () => "/scratch/in",
        process: async ({ onProgress }) => {
          for (let percent = 0; percent <= 100; percent++) {
            world.nowMs += 200;
            onProgress("processing", percent);
          }
          world.objects.files.set("/scratch/out", { text: "out", sizeBytes: 3 });
          return {
            outputs: [{ name: "out.wav", path: "/scratch/out", contentType: "audio/wav", durationSeconds: 1 }],
            report: { before: [], after: null },
            warnings: [],
            engine: { mixdown: "0", ffmpeg: "5", steps: [] },
          };
        },
      },
      new AbortController().signal,
    );
    return { outcome, job: await world.get(ref) };
  } finally {
    world.close();
  }
}

test("fails when a tenth of a run is not told, told twice, or told of more than a run knows", async () => {
  const told: DomainEvent[] = [];
  await run(async (events) => {
    told.push(...events);
    return [];
  });
  expect(told.map((event) => event.data.percent)).toEqual([10, 20, 30, 40, 50, 60, 70, 80, 90]);
  expect(new Set(told.map((event) => event.id)).size).toBe(9);
  expect(told[0]).toMatchObject({ type: "job.progress.v1", subject: "j", data: { status: "running", attempt: 1 } });
});

test("fails when a run suffers from a bus that takes nothing", async () => {
  const { outcome } = await run(() => Promise.reject(new Error("no bus")));
  expect(outcome).toBe("succeeded");
});
