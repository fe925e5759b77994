import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { ImageBuilder } from "./image-builder.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
/** Written by `npm run images:pin`, never by hand. */
export const lockFile = join(root, "docker", "base.lock");

/** What the images stand on. */
export const baseImage = { repository: "library/debian", tag: "bookworm-slim" } as const;
const release = "bookworm";
/** The base by its digest, as it was pinned; `null` where nothing was. @throws Error when the file is another's */
export function readLock(): string | null {
  if (!existsSync(lockFile)) return null;
  const lock: unknown = JSON.parse(readFileSync(lockFile, "utf8"));
  const { image, digest } = lock as { image?: unknown; digest?: unknown };
  if (typeof image === "string" && typeof digest === "string" && /^sha256:[0-9a-f]{64}$/.test(digest)) {
    return `${image}@${digest}`;
  }
  throw new Error(`${lockFile} names no image by its digest; write it anew with \`npm run images:pin\`.`);
}

/** The name of a base that debootstrap makes, which is made when it is not there yet. Root only. */
export function makeBaseImage(builder: ImageBuilder, tag: string): string {
  if (builder.findId(tag) !== undefined) return tag;
  const folder = mkdtempSync(join(tmpdir(), "mixdown-base-"));
  try {
    run("debootstrap", ["--variant=minbase", "--include=ca-certificates", release, join(folder, "rootfs")]);
    const sources = join(folder, "rootfs", "etc", "apt", "sources.list");
    writeFileSync(sources, addFixes(readFileSync(sources, "utf8")));
    // As the slim base has it: what a later layer removes is still in this one.
    for (const path of [
      "var/cache/apt/archives",
      "var/lib/apt/lists",
      "usr/share/doc",
      "usr/share/man",
      "usr/share/locale",
    ])
      rmSync(join(folder, "rootfs", path), { recursive: true, force: true });
    run("tar", [
      "--create",
      "--numeric-owner",
      "--file",
      join(folder, "rootfs.tar"),
      "-C",
      join(folder, "rootfs"),
      ".",
    ]);
    rmSync(join(folder, "rootfs"), { recursive: true, force: true });
    copyFileSync(join(root, "docker", "base.Dockerfile"), join(folder, "Dockerfile"));
    builder.build({ file: join(folder, "Dockerfile"), context: folder, tag, buildArgs: {} });
    return tag;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What debootstrap writes has the release alone, from its own mirror; fixes come from there and from beside it. */
function addFixes(sources: string): string {
  const mirror = /^deb (\S+\/debian)\/? /m.exec(sources)?.[1];
  if (mirror === undefined) throw new Error(`debootstrap named no mirror of Debian: ${JSON.stringify(sources)}.`);
  return [
    `deb ${mirror} ${release} main`,
    `deb ${mirror} ${release}-updates main`,
    `deb ${mirror}-security ${release}-security main`,
    "",
  ].join("\n");
}

function run(command: string, args: readonly string[]): void {
  const { status, error } = spawnSync(command, args, { stdio: ["ignore", "ignore", "inherit"] });
  if (status !== 0) throw new Error(`${command} failed (${error?.message ?? `exit code ${status}`}).`);
}
