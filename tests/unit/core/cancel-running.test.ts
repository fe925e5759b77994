import { expect, test, vi } from "vitest";
import { cancel } from "../../../core/cancel.ts";
import { runAttempt } from "../../../core/run-attempt.ts";
import { submit } from "../../../core/submit.ts";
import { World } from "./model/world.ts";

test("fails when a running job that nobody can stop from outside is not canceled a heartbeat later", async () => {
  const world = new World();
  world.objects.put("raw/local/1/a.wav", "a");
  const ref = { owner: "local", jobId: "j" };
  await submit(world.process(), { jobId: "j", kind: "clean", inputs: [{ key: "raw/local/1/a.wav" }] }, ref);
  await world.invoke();
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "setTimeout", "clearTimeout"] });
  try {
    const running = runAttempt(
      world.process(),
      ref,
      1,
      {
        inputPath: () => "/scratch/in",
        process: ({ signal }) =>
          new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason as Error))),
      },
      new AbortController().signal,
    );
    await vi.waitFor(async () => expect((await world.get(ref))?.status).toBe("running"));
    await cancel(world.process(), ref);
    await vi.advanceTimersByTimeAsync(15_000);
    expect(await running).toBe("canceled");
    expect(await world.get(ref)).toMatchObject({ status: "canceled", outputs: [] });
  } finally {
    vi.useRealTimers();
    world.close();
  }
});
