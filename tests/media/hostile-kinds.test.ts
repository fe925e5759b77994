import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { canTrace, type Ground, openGround } from "../fixtures/hostile/hostile-ground.ts";
import { tryFile } from "../fixtures/hostile/hostile-verdict.ts";
import { references } from "../fixtures/hostile/references.ts";
import { wrongKinds } from "../fixtures/hostile/wrong-kinds.ts";

let ground: Ground;
beforeAll(async () => {
  ground = await openGround();
});
afterAll(() => ground.close());

test.each(wrongKinds.map((file, index) => ({ ...file, file, index })))(
  "fails when $name ($what) is not refused in one sentence",
  ({ file, index }) => tryFile(ground, file, index),
);

test.each(references.map((file, index) => ({ ...file, file, index })))(
  "fails when $name ($what) makes us open or fetch what it names",
  ({ file, index }) => tryFile(ground, file, index),
);

test.skipIf(!canTrace)("fails if the tracer misses a playlist that plain ffmpeg follows", () => {
  const segment = join(ground.dir, "followed.ts");
  writeFileSync(segment, ground.genuine("ts"));
  const playlist = join(ground.dir, "followed.mp3");
  writeFileSync(playlist, `#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:2,\n${segment}\n#EXT-X-ENDLIST\n`);
  const log = join(ground.dir, "followed.trace");
  const traced = ["-f", "-qq", "-s", "4096", "-e", "trace=open,openat", "-o", log];
  spawnSync("strace", [...traced, "ffmpeg", "-v", "error", "-nostdin", "-i", playlist, "-f", "null", "-"]);
  expect(spawnSync("grep", ["-c", segment, log], { encoding: "utf8" }).stdout.trim()).not.toBe("0");
});

test("fails if an address that is fetched goes uncounted", async () => {
  const other = await openGround();
  try {
    await fetch(other.url).catch(() => {});
    expect(other.connections()).toBe(1);
  } finally {
    await other.close();
  }
});
