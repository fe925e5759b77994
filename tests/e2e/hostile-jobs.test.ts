import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Ground, openGround } from "../fixtures/hostile/hostile-ground.ts";
import { lyingContainers } from "../fixtures/hostile/lying-containers.ts";
import { lyingHeaders } from "../fixtures/hostile/lying-headers.ts";
import { references } from "../fixtures/hostile/references.ts";
import { wrongKinds } from "../fixtures/hostile/wrong-kinds.ts";
import { EmbeddedFixture } from "./embedded-fixture.ts";

const chosen = [
  "local.mp3",
  "web.mp3",
  "stack.mp3",
  "behind-id3.mp3",
  "empty.mp3",
  "week.flac",
  "wide.wav",
  "nested.m4a",
];
const files = [...references, ...wrongKinds, ...lyingHeaders, ...lyingContainers].filter(({ name }) =>
  chosen.includes(name),
);

let ground: Ground;
let fixture: EmbeddedFixture;
beforeAll(async () => {
  ground = await openGround();
  fixture = await EmbeddedFixture.open();
});
afterAll(async () => {
  await fixture.close();
  await ground.close();
});

test("fails when a job lets a bad file through the gate, tries it again, or shows an output", async () => {
  expect(files).toHaveLength(chosen.length);
  const platform = await fixture.start();
  for (const [index, file] of files.entries()) {
    const path = join(ground.dir, `job-${index}`);
    writeFileSync(path, file.make(ground));
    const key = `raw/local/${index}/${file.name}`;
    await fixture.platform.objects.putFile(key, path, "audio/mpeg");
    await fixture.submit({ jobId: `bad-${index}`, kind: index % 2 === 0 ? "clean" : "stitch", inputs: [{ key }] });
  }
  for (const [index, file] of files.entries()) {
    const job = await fixture.ended(`bad-${index}`);
    expect(job, file.what).toMatchObject({ status: "failed", attempt: 1, outputs: [] });
    expect(file.verdict, file.what).toContain(job.error?.code);
    expect(job.error?.detail, file.what).toContain(file.name);
    // A caller of the API learns nothing of the machine's folders.
    expect(job.error?.detail).not.toContain(fixture.dataDir);
  }
  expect(ground.connections()).toBe(0);
  platform.kill("SIGTERM");
  await once(platform, "close");
  expect(await fixture.quiet(2_000)).toEqual([]);
});
