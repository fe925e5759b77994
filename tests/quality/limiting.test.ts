import { writeFile } from "node:fs/promises";
import { beforeAll, expect, test } from "vitest";
import { peakyVoices, siSdrDb, speakNarration } from "../fixtures/speech-noise.ts";
import { runClean, writeWav } from "../media/clean-fixtures.ts";
import { decode, useMediaFixtures } from "../media/media-fixtures.ts";
import { preparePython, type Scores, scoreFiles } from "./python-scores.ts";

const fixtures = useMediaFixtures();
const rate = 48_000;
let missing: string | null = null;
let scores: readonly Scores[] = [];
const siSdrs: number[] = [];

/** Clean voices at the default target, where something must take their peaks down. */
beforeAll(async () => {
  missing = await preparePython();
  if (missing !== null) return;
  const files = [];
  for (const [index, voice] of peakyVoices.entries()) {
    const input = await speakNarration(voice, rate);
    const name = fixtures.file(`peaky-${index}`);
    await writeWav(`${name}.wav`, input, rate);
    const samples = await decode((await runClean(fixtures, `${name}.wav`)).path);
    siSdrs.push(siSdrDb(samples, input));
    await writeFile(`${name}.r`, new Uint8Array(input.buffer, input.byteOffset, input.byteLength));
    await writeFile(`${name}.a`, new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength));
    files.push({ reference: `${name}.r`, before: `${name}.r`, after: `${name}.a` });
  }
  scores = await scoreFiles(files);
  const lines = peakyVoices.map(({ name, wordsPerMinute }, index) => {
    const [{ pesqAfter, stoiAfter }, siSdr] = [scores[index] as Scores, siSdrs[index] as number];
    return `${`${name} ${wordsPerMinute}`.padEnd(12)} SI-SDR ${siSdr.toFixed(1)}  PESQ ${pesqAfter.toFixed(2)}  STOI ${stoiAfter.toFixed(3)}`;
  });
  process.stdout.write(`${["", "limited to the default target", ...lines, ""].join("\n")}\n`);
}, 300_000);

test.for(peakyVoices.map((voice, index) => ({ ...voice, index })))(
  "fails when the limiter harms $name at $wordsPerMinute words a minute: its wave, its sound or its words",
  ({ index }, { skip }) => {
    if (missing !== null) skip(missing);
    expect(siSdrs[index]).toBeGreaterThanOrEqual(20);
    expect(scores[index]?.pesqAfter).toBeGreaterThanOrEqual(4.2);
    expect(scores[index]?.stoiAfter).toBeGreaterThanOrEqual(0.98);
  },
);
