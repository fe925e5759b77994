import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "vitest";
import { Builder } from "../../scripts/deploy/builder.ts";
import { listenForInterrupt } from "../../scripts/deploy/interrupt.ts";
import type { OciRegistry } from "../cloud/oci-registry.ts";

/** Docker's way of `npm run deploy` into a registry that wants a password, as ECR does. */
export async function expectPush(image: string, { url, password }: OciRegistry): Promise<void> {
  const { host } = new URL(url);
  const folder = mkdtempSync(join(tmpdir(), "mixdown-pushed-"));
  const interrupt = listenForInterrupt();
  try {
    // Whoever lets a helper keep ECR's passwords cannot sign in by hand.
    const settings = JSON.stringify({ credHelpers: { [host]: "not-there" }, psFormat: "table {{.Names}}" });
    mkdirSync(join(folder, "docker", "contexts"), { recursive: true });
    writeFileSync(join(folder, "docker", "config.json"), settings);
    const env = { ...process.env, DOCKER_CONFIG: join(folder, "docker") };
    const logFile = join(folder, "images.log");
    const target = "mixdown-dev-worker-lambda:deployed-0";
    await new Builder("docker", { env, logFile, interrupt }).push(
      image,
      { url, host, user: "AWS", password, find: async () => null },
      target,
    );
    const accept = ["application/vnd.oci.image.manifest.v1+json", "application/vnd.oci.image.index.v1+json"];
    const docker = ["application/vnd.docker.distribution.manifest.v2+json"];
    const answer = await fetch(`${url}/v2/mixdown-dev-worker-lambda/manifests/deployed-0`, {
      headers: {
        accept: [...accept, ...docker].join(", "),
        authorization: `Basic ${Buffer.from(`AWS:${password}`).toString("base64")}`,
      },
    });
    expect(answer.status).toBe(200);
    // Lambda takes no lists of images.
    expect(answer.headers.get("content-type")).toMatch(/\.manifest\.v[12]\+json$/);
    expect(readFileSync(join(folder, "docker", "config.json"), "utf8")).toBe(settings);
    expect(readFileSync(logFile, "utf8")).not.toContain(password);
    expect(spawnSync("docker", ["image", "inspect", `${host}/${target}`]).status).not.toBe(0);
    expect(spawnSync("docker", ["image", "inspect", image]).status).toBe(0);
  } finally {
    interrupt.close();
    rmSync(folder, { recursive: true, force: true });
  }
}
