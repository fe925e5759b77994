import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { startOciRegistry } from "../cloud/oci-registry.ts";
import { openBuildah } from "./buildah-engine.ts";
import { expectCompose, hasCompose } from "./compose.ts";
import { describeWork } from "./describe-work.ts";
import { openDocker } from "./docker-engine.ts";
import { type ImageEngine, tagOf } from "./image-engine.ts";
import { expectPush } from "./push.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const images = ["worker", "worker-lambda", "worker-gpu", "platform"] as const;
type ImageName = (typeof images)[number];

/** IMAGES_STORAGE keeps buildah's base for the next time, which saves minutes. */
const open = {
  buildah: async () => openBuildah(mkdtempSync(join(tmpdir(), "mixdown-images-")), process.env.IMAGES_STORAGE),
  docker: openDocker,
};

describe.each(["buildah", "docker"] as const)("the images by %s", (name) => {
  let opened: ImageEngine | string = "";
  let output = "";
  const engine = (): ImageEngine => {
    if (typeof opened === "string") throw new Error(opened);
    return opened;
  };

  beforeAll(async () => {
    opened = await open[name]();
    if (typeof opened === "string") {
      process.stderr.write(`\nSKIPPED: ${name} does not build the images here (${opened}).\n\n`);
      return;
    }
    process.stderr.write(`\nThe images are built by ${opened.what}.\n\n`);
    const args = ["scripts/build-images.ts", ...images, ...opened.buildArgs];
    output = execFileSync(process.execPath, args, { cwd: root, encoding: "utf8", maxBuffer: 64 * 1024 ** 2 });
  });
  beforeEach(({ skip }) => {
    if (typeof opened === "string") skip(opened);
  });
  afterAll(async () => {
    if (typeof opened !== "string") await opened.close();
  });

  const configOf = (image: ImageName) => engine().readConfig(tagOf(image));
  const run = async (image: ImageName, ...argv: readonly string[]) => {
    const target = image === "platform" ? "/data" : "/scratch";
    const child = engine().start({ image: tagOf(image), scratch: "run", target, argv });
    return { code: await child.ended, said: child.said() };
  };

  test("fails when the worker's image runs as root, has no volume of the worker's own, or no way to start", () => {
    const config = configOf("worker");
    expect(config).toMatchObject({ user: "1000:1000", volumes: ["/scratch"] });
    expect(config.entrypoint).toEqual(["/app/node", "/app/worker/main.js"]);
    expect(configOf("worker-lambda").entrypoint).toEqual(["/app/node", "/app/worker/lambda.js"]);
    expect(configOf("worker-gpu").env).toContain("NVIDIA_DRIVER_CAPABILITIES=compute,utility,video");
  });

  test("fails when an image is larger than it is said to be, or the list of what is in it lacks what counts", () => {
    for (const name of images) {
      const megabytes = Number(new RegExp(`mixdown-${name}:latest: (\\d+) MB`).exec(output)?.[1]);
      expect(megabytes, name).toBeGreaterThan(200);
      expect(megabytes, name).toBeLessThan(600);
      const sbom = JSON.parse(readFileSync(join(root, "dist", "images", `${name}.cdx.json`), "utf8"));
      const names = sbom.components.map((component: { name: string }) => component.name);
      expect(names).toEqual(expect.arrayContaining(["node", "zod", "ffmpeg", "libavcodec59", "libc6"]));
    }
  });

  test("fails when Node or ffmpeg does not start there, ffmpeg knows no nvenc, or the root can be written to", async () => {
    expect(await run("worker", "/app/node", "--version")).toEqual({ code: 0, said: `${process.version}\n` });
    expect((await run("worker-gpu", "ffmpeg", "-hide_banner", "-encoders")).said).toContain("h264_nvenc");
    expect((await run("worker", "touch", "/scratch/mine")).code).toBe(0);
    for (const path of ["/app/mine", "/tmp/mine", "/mine"]) {
      expect((await run("worker", "touch", path)).said).toMatch(/Read-only file system|Permission denied/);
    }
  });

  test("fails when the platform does not start there and answer", async () => {
    const child = engine().start({
      image: tagOf("platform"),
      scratch: "data",
      target: "/data",
      // The other volume; here it is not there, and read-only.
      env: { MIXDOWN_PORT: "0", TMPDIR: "/data", MIXDOWN_CACHE_DIR: "/data/cache" },
      argv: [...configOf("platform").entrypoint, "--json"],
    });
    try {
      await expect.poll(child.said, { timeout: 30_000 }).toContain('"url"');
      const { url } = JSON.parse(/^\{.*"url".*\}$/m.exec(child.said())?.[0] ?? "{}");
      expect((await fetch(`${url}/healthz`)).status).toBe(200);
    } finally {
      child.kill("SIGTERM");
      await child.ended;
    }
  });

  // What buildah pushes, the deployment's tests push for real.
  test.runIf(name === "docker")(
    "fails when an image does not get where a password is wanted, or the password stays somewhere",
    async ({ skip }) => {
      const registry = await startOciRegistry();
      if (typeof registry === "string") return skip(registry);
      onTestFinished(registry.close);
      await expectPush(tagOf("worker-lambda"), registry);
    },
  );

  test.runIf(name === "docker")("fails when compose.yaml starts no platform, or one that forgets", async ({ skip }) => {
    if (!hasCompose()) return skip("this Docker has no compose");
    await expectCompose();
  });

  describeWork(engine);
});
