import { afterAll, beforeAll, test } from "vitest";
import { genuineFormats } from "../fixtures/hostile/hostile-file.ts";
import { type Ground, openGround } from "../fixtures/hostile/hostile-ground.ts";
import { tryFile } from "../fixtures/hostile/hostile-verdict.ts";
import { fuzzed, truncated } from "../fixtures/hostile/lying-containers.ts";

/** Damaged files of each format; MIXDOWN_TEST_FULL=1 tries 20, by every command. */
const rounds = process.env.MIXDOWN_TEST_FULL === "1" ? 20 : 2;

let ground: Ground;
beforeAll(async () => {
  ground = await openGround();
});
afterAll(() => ground.close());

test.each(truncated.map((file, index) => ({ ...file, file, index })))(
  "fails when $what is not told, hangs, or leaves something behind",
  ({ file, index }) => tryFile(ground, file, index),
);

test.each(fuzzed(genuineFormats, rounds).map((file, index) => ({ ...file, file, index })))(
  "fails when $what hangs, crashes, or leaves something behind",
  ({ file, index }) => tryFile(ground, file, index),
);
