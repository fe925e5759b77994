import { spawnSync } from "node:child_process";
import { openAsBlob } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect } from "vitest";
import { createClient } from "../../client/index.ts";
import { findFreePort } from "../fixtures/free-port.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const narration = fileURLToPath(new URL("../../assets/demo/narration-2.m4a", import.meta.url));

export const hasCompose = (): boolean => spawnSync("docker", ["compose", "version"]).status === 0;

/** The platform as compose.yaml starts it: a file goes through, and is still there after a restart. */
export async function expectCompose(): Promise<void> {
  const port = String(await findFreePort());
  const compose = (...args: readonly string[]) => {
    const project = ["compose", "--project-name", `mixdown-test-${process.pid}`];
    const env = { ...process.env, MIXDOWN_PORT: port };
    const { status, stderr } = spawnSync("docker", [...project, ...args], { cwd: root, env, encoding: "utf8" });
    expect(status, stderr).toBe(0);
  };
  const url = `http://127.0.0.1:${port}`;
  const answers = async () => (await fetch(`${url}/healthz`).catch(() => null))?.status;
  const client = createClient({ baseUrl: url });
  try {
    compose("up", "--detach");
    await expect.poll(answers, { timeout: 60_000 }).toBe(200);
    const { key } = await client.upload(await openAsBlob(narration), { filename: "a.m4a", contentType: "audio/mp4" });
    const { jobId } = await client.submit({ kind: "clean", inputs: [{ key }] });
    await expect.poll(async () => (await client.get(jobId)).status, { timeout: 120_000 }).toBe("succeeded");
    compose("stop");
    compose("up", "--detach");
    await expect.poll(answers, { timeout: 60_000 }).toBe(200);
    expect((await client.get(jobId)).status).toBe("succeeded");
  } finally {
    compose("down", "--volumes");
  }
}
