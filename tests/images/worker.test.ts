import { execFileSync, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openLambdaRuntimeApi } from "../fixtures/lambda-runtime-api.ts";
import { type ImageConfig, ImageStore, startContainer } from "./container.ts";
import { openPlatform, type TestPlatform } from "./open-platform.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const images = ["worker", "worker-lambda", "worker-gpu", "platform"] as const;
const has = (command: string): boolean => spawnSync(command, ["--version"]).status === 0;
const missing = [
  ...["buildah", "debootstrap", "unshare"].filter((command) => !has(command)).map((command) => `no ${command}`),
  ...(process.getuid?.() === 0 ? [] : ["not root"]),
];
const reason = missing.join(", ");
if (reason !== "") process.stderr.write(`\nSKIPPED: the images are not built here (${reason}).\n\n`);

/** IMAGES_STORAGE keeps the base for the next time, which saves minutes. */
const kept = process.env.IMAGES_STORAGE;

describe.skipIf(reason !== "")(`the images${reason === "" ? "" : ` (${reason})`}`, () => {
  const folder = mkdtempSync(join(tmpdir(), "mixdown-images-"));
  const storage = kept ?? join(folder, "storage");
  const store = new ImageStore(storage);
  const mounted = new Map<string, { readonly root: string; readonly config: ImageConfig; release(): void }>();
  const imageOf = (name: (typeof images)[number]) => {
    const found = mounted.get(name);
    if (found === undefined) throw new Error(`${name} was not built`);
    return found;
  };
  let output = "";

  beforeAll(() => {
    const args = ["scripts/build-images.ts", ...images, "--builder", "buildah", "--storage-root", storage];
    output = execFileSync(process.execPath, args, { cwd: root, encoding: "utf8", maxBuffer: 64 * 1024 ** 2 });
    for (const name of images) {
      const tag = `localhost/mixdown-${name}:latest`;
      mounted.set(name, { ...store.mount(tag), config: store.readConfig(tag) });
    }
  });
  afterAll(() => {
    for (const image of mounted.values()) image.release();
    rmSync(folder, { recursive: true, force: true });
  });

  const run = async (name: (typeof images)[number], ...argv: readonly string[]) => {
    const target = name === "platform" ? "/data" : "/scratch";
    const child = startContainer({ ...imageOf(name), scratchDir: join(folder, "run"), target, argv });
    const [code] = await once(child, "close");
    return { code, said: child.said() };
  };

  test("fails when the worker's image runs as root, has no volume of the worker's own, or no way to start", () => {
    const { config } = imageOf("worker");
    expect(config).toMatchObject({ user: "1000:1000", volumes: ["/scratch"] });
    expect(config.entrypoint).toEqual(["/app/node", "/app/worker/main.js"]);
    expect(imageOf("worker-lambda").config.entrypoint).toEqual(["/app/node", "/app/worker/lambda.js"]);
    expect(imageOf("worker-gpu").config.env).toContain("NVIDIA_DRIVER_CAPABILITIES=compute,utility,video");
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
    const child = startContainer({
      ...imageOf("platform"),
      scratchDir: join(folder, "data"),
      target: "/data",
      // The other volume; here it is not there, and read-only.
      env: { MIXDOWN_PORT: "0", TMPDIR: "/data", MIXDOWN_CACHE_DIR: "/data/cache" },
      argv: [...imageOf("platform").config.entrypoint, "--json"],
    });
    try {
      await expect.poll(child.said, { timeout: 30_000 }).toContain('"url"');
      const { url } = JSON.parse(/^\{.*"url".*\}$/m.exec(child.said())?.[0] ?? "{}");
      expect((await fetch(`${url}/healthz`)).status).toBe(200);
    } finally {
      child.kill("SIGTERM");
      await once(child, "close");
    }
  });

  describe.skipIf(!process.env.AWS_ENDPOINT_URL)("with a platform on the emulator", () => {
    let platform: TestPlatform;
    beforeAll(async () => {
      platform = await openPlatform(mkdtempSync(join(tmpdir(), "mixdown-images-")));
    });
    afterAll(() => platform?.close());

    const work = (jobId: string) =>
      startContainer({
        ...imageOf("worker"),
        scratchDir: join(folder, "scratch"),
        target: "/scratch",
        env: { ...platform.env, MIXDOWN_JOB_ID: jobId, MIXDOWN_ATTEMPT: "1" },
      });

    test("fails when the worker does not process a file under a read-only root, or leaves it in its scratch", async () => {
      await platform.launchJob("short", 3);
      const child = work("short");
      const [code] = await once(child, "close");
      expect(child.said()).toBe("");
      expect(code).toBe(0);
      const job = await platform.get("short");
      expect(job).toMatchObject({ status: "succeeded", engine: { ffmpeg: expect.stringMatching(/^5\./) } });
      for (const { key } of job?.outputs ?? []) expect(await platform.platform.objects.head(key)).toBeDefined();
      expect(readdirSync(join(folder, "scratch")).filter((name) => name.startsWith("task-"))).toEqual([]);
    });

    test("fails when SIGTERM does not make the worker hand its job back", async () => {
      await platform.launchJob("long", 1_200);
      const child = work("long");
      const ended = once(child, "close");
      await expect.poll(async () => (await platform.get("long"))?.phase, { timeout: 60_000 }).toBe("processing");
      child.kill("SIGTERM");
      expect(await ended, child.said()).toEqual([0, null]);
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
      const { config, root: files } = imageOf("worker-lambda");
      const child = startContainer({
        root: files,
        config,
        scratchDir: join(folder, "lambda"),
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
      expect(existsSync(join(folder, "lambda", "task-call"))).toBe(false);
    });
  });
});
