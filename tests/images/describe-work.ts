import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openLambdaRuntimeApi } from "../fixtures/lambda-runtime-api.ts";
import { type ImageEngine, tagOf } from "./image-engine.ts";
import { openPlatform, type TestPlatform } from "./open-platform.ts";

/** @param engine has built the images by the time that a test runs */
export function describeWork(engine: () => ImageEngine): void {
  describe.skipIf(!process.env.AWS_ENDPOINT_URL)("with a platform on the emulator", () => {
    let platform: TestPlatform;
    beforeAll(async () => {
      platform = await openPlatform(mkdtempSync(join(tmpdir(), "mixdown-images-")));
    });
    afterAll(() => platform?.close());

    const work = (jobId: string) =>
      engine().start({
        image: tagOf("worker"),
        scratch: "scratch",
        target: "/scratch",
        env: { ...platform.env, MIXDOWN_JOB_ID: jobId, MIXDOWN_ATTEMPT: "1" },
      });

    test("fails when the worker does not process a file under a read-only root, or leaves it in its scratch", async () => {
      await platform.launchJob("short", 3);
      const child = work("short");
      expect({ code: await child.ended, said: child.said() }).toEqual({ code: 0, said: "" });
      const job = await platform.get("short");
      expect(job).toMatchObject({ status: "succeeded", engine: { ffmpeg: expect.stringMatching(/^5\./) } });
      for (const { key } of job?.outputs ?? []) expect(await platform.platform.objects.head(key)).toBeDefined();
      expect(
        engine()
          .listScratch("scratch")
          .filter((name) => name.startsWith("task-")),
      ).toEqual([]);
    });

    test("fails when SIGTERM does not make the worker hand its job back", async () => {
      await platform.launchJob("long", 1_200);
      const child = work("long");
      await expect.poll(async () => (await platform.get("long"))?.phase, { timeout: 60_000 }).toBe("processing");
      child.kill("SIGTERM");
      expect(await child.ended, child.said()).toBe(0);
      expect(await platform.get("long")).toMatchObject({ status: "queued", attempt: 2, handBacks: 1 });
    });

    test("fails when the worker on Lambda does not work, does not stop before the limit, or hides what went wrong", async () => {
      await platform.launchJob("call", 3);
      await platform.launchJob("long-call", 1_200);
      const api = await openLambdaRuntimeApi([
        { payload: { MIXDOWN_JOB_ID: "call", MIXDOWN_ATTEMPT: "1" }, limitMs: 900_000 },
        { payload: { MIXDOWN_JOB_ID: "long-call", MIXDOWN_ATTEMPT: "1" }, limitMs: 24_000 },
        { payload: { MIXDOWN_JOB_ID: "no/id", MIXDOWN_ATTEMPT: "1" }, limitMs: 900_000 },
      ]);
      const child = engine().start({
        image: tagOf("worker-lambda"),
        scratch: "lambda",
        target: "/tmp",
        env: { ...platform.env, AWS_LAMBDA_RUNTIME_API: api.address },
      });
      try {
        await expect.poll(() => api.answers.length, { timeout: 120_000 }).toBe(3);
      } finally {
        child.kill("SIGKILL");
        api.close();
      }
      expect(api.answers.map(({ type }) => type)).toEqual(["response", "response", "error"]);
      expect(api.answers[2]?.body).toContain("exit code 1");
      expect((await platform.get("call"))?.status).toBe("succeeded");
      expect(await platform.get("long-call")).toMatchObject({ status: "queued", attempt: 2, handBacks: 1 });
      expect(engine().listScratch("lambda")).not.toContain("task-call");
    });
  });
}
