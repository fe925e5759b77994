import { afterAll, beforeAll, expect, test } from "vitest";
import { type Ground, openGround } from "../fixtures/hostile/hostile-ground.ts";
import { tryFile } from "../fixtures/hostile/hostile-verdict.ts";
import { lyingContainers } from "../fixtures/hostile/lying-containers.ts";
import { lyingHeaders } from "../fixtures/hostile/lying-headers.ts";
import { references } from "../fixtures/hostile/references.ts";
import { wrongKinds } from "../fixtures/hostile/wrong-kinds.ts";

let ground: Ground;
beforeAll(async () => {
  ground = await openGround();
});
afterAll(() => ground.close());

test.each([...lyingHeaders, ...lyingContainers].map((file, index) => ({ ...file, file, index })))(
  "fails when $name ($what) is believed, hangs, or leaves something behind",
  ({ file, index }) => tryFile(ground, file, index),
);

test("fails when fewer than 120 kinds of bad file are tried, or two bear one name", () => {
  const names = [...wrongKinds, ...references, ...lyingHeaders, ...lyingContainers].map((file) => file.name);
  expect(new Set(names).size).toBe(names.length);
  expect(names.length).toBeGreaterThanOrEqual(120);
});
