import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from "vitest";
import { listenForInterrupt } from "../../scripts/deploy/interrupt.ts";
import { runSmokeJob } from "../../scripts/deploy/smoke-job.ts";
import { openApiWay } from "../../scripts/deploy/smoke-ways.ts";
import { EmbeddedFixture } from "../e2e/embedded-fixture.ts";

const main = fileURLToPath(new URL("../../cli/main.ts", import.meta.url));
let embedded: EmbeddedFixture;
let baseUrl = "";

// The same API as on AWS, without one.
beforeAll(async () => {
  embedded = await EmbeddedFixture.open();
  await embedded.start();
  baseUrl = readFileSync(join(embedded.dataDir, "api.url"), "utf8").trim();
});
afterAll(() => embedded.close());

/** @returns what was said */
async function smoke(key: string): Promise<string> {
  const interrupt = listenForInterrupt();
  let said = "";
  const spy = vi.spyOn(process.stderr, "write").mockImplementation((text) => {
    said += text;
    return true;
  });
  onTestFinished(() => {
    spy.mockRestore();
    interrupt.close();
  });
  await runSmokeJob(openApiWay(baseUrl, key), process.env, interrupt);
  return said;
}

test("fails when a job over the API does not show that the environment works, or the key is said", async () => {
  const args = [main, "keys", "create", "--name", "deployer", "--data", embedded.dataDir];
  const key = execFileSync(process.execPath, args, { encoding: "utf8", stdio: "pipe" }).trim();
  for (const said of [await smoke(key), await smoke(key)]) {
    expect(said).toMatch(/ok {2}\S+: \d+ s, \d+ bytes as they were made, report -1[56](\.\d)? LUFS/);
    expect(said).not.toContain(key);
  }
});

test("fails when a key that is not accepted is met by anything but a sentence that says that the stacks stand", async () => {
  await expect(smoke(`mxd_${"0".repeat(26)}_${"a".repeat(43)}`)).rejects.toMatchObject({
    code: "platform_deploy_failed",
    message: expect.stringMatching(
      /^The stacks stand, but .*key of MIXDOWN_KEY: .*MixdownApiError.*same command again\.$/,
    ),
  });
});
