import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { promisify } from "node:util";
import { beforeAll, expect, test } from "vitest";
import {
  cutNarration,
  makeBabble,
  makeFan,
  makeWhite,
  mixAtSnr,
  readMusic,
  rms,
  siSdrDb,
  speakNarration,
  voices,
} from "../fixtures/speech-noise.ts";
import { runClean, writeWav } from "../media/clean-fixtures.ts";
import { decode, useMediaFixtures } from "../media/media-fixtures.ts";
import { preparePython, type ScoreFiles, type Scores, scoreFiles } from "./python-scores.ts";

const fixtures = useMediaFixtures();
const rate = 48_000;
const seconds = 8;
/** Every rate for one noise of each sort; the others at the ends. */
const tried: Record<string, readonly number[]> = {
  white: [0, 5, 10, 15, 20],
  pink: [0, 5, 10, 15, 20],
  brown: [5, 15],
  resonant: [5, 15],
  "speech-band": [5, 15],
  babble: [0, 5, 10, 15, 20],
  music: [0, 10, 20],
};

interface Case {
  readonly noise: string;
  readonly snrDb: number;
  readonly voice: number;
  readonly loudnessLufs: number;
}

interface Row extends Case, Scores {
  readonly denoiser: string | null;
  readonly gainDb: number;
  readonly afftdnGainDb: number;
}

/** Nothing to do for the limiter, save where the default target is tried. */
const quietLufs = -30;
const cases: readonly Case[] = [
  ...Object.entries(tried).flatMap(([noise, snrs], index) =>
    snrs.map((snrDb, step) => ({ noise, snrDb, voice: (index + step) % voices.length, loudnessLufs: quietLufs })),
  ),
  ...["white", "pink", "babble", "music"].map((noise) => ({ noise, snrDb: 10, voice: 2, loudnessLufs: -16 })),
];

let missing: string | null = null;
let rows: readonly Row[] = [];

beforeAll(async () => {
  missing = await preparePython();
  if (missing !== null) {
    process.stderr.write(`\nQUALITY SUITE SKIPPED: ${missing}\n`);
    return;
  }
  const speech = await Promise.all(
    voices.map(async (voice) => cutNarration(await speakNarration(voice, rate), seconds, rate)),
  );
  const noises: Record<string, Float32Array> = {
    white: makeWhite(seconds * rate, 21),
    babble: await makeBabble(seconds * rate, rate, 6),
    music: await readMusic(rate),
  };
  for (const kind of ["pink", "brown", "resonant", "speech-band"] as const) {
    noises[kind] = makeFan(kind, seconds * rate, rate, 22);
  }
  const runs = [];
  for (const one of cases) {
    runs.push(
      await tryCase(
        one,
        speech[one.voice] ?? new Float32Array(seconds * rate),
        noises[one.noise] ?? new Float32Array(1),
      ),
    );
  }
  const scores = await scoreFiles(runs.map(({ files }) => files));
  rows = runs.map(({ row }, index) => ({ ...row, ...(scores[index] as Scores) }));
  process.stdout.write(`${formatTable(rows)}\n`);
}, 600_000);

async function tryCase(one: Case, speech: Float32Array, noise: Float32Array) {
  const name = fixtures.file(`${one.noise}-${one.snrDb}-${one.loudnessLufs}`);
  // Quieter, so that no sum is clipped.
  const reference = speech.map((value) => value / 2);
  const before = mixAtSnr(reference, noise, one.snrDb);
  await writeWav(`${name}.wav`, before, rate);
  const { path, report } = await runClean(fixtures, `${name}.wav`, { loudnessLufs: one.loudnessLufs });
  const after = await decode(path);
  const files: ScoreFiles = { reference: `${name}.r`, before: `${name}.b`, after: `${name}.a` };
  await Promise.all([
    writeFloats(files.reference, reference),
    writeFloats(files.before, before),
    writeFloats(files.after, after),
  ]);
  const afftdn = await runAfftdn(`${name}.wav`, 20 * Math.log10(rms(reference)) - one.snrDb);
  const gainOf = (samples: Float32Array) => siSdrDb(samples, reference) - siSdrDb(before, reference);
  const row = {
    ...one,
    denoiser: report.treatment?.denoiser ?? null,
    gainDb: gainOf(after),
    afftdnGainDb: gainOf(afftdn),
  };
  return { row, files };
}

const writeFloats = (path: string, samples: Float32Array): Promise<void> =>
  writeFile(path, new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength));

/** ffmpeg's own denoiser, told the noise's true level, its delay taken off: for comparison only. */
async function runAfftdn(path: string, noiseDbfs: number): Promise<Float32Array> {
  const floor = Math.max(-80, Math.min(-20, Math.round(noiseDbfs)));
  const filter = `afftdn=nr=20:nf=${floor},atrim=start_sample=1200`;
  const args = ["-v", "error", "-filter_threads", "1", "-i", path, "-af", filter, "-f", "f32le", "-"];
  const { stdout } = await promisify(execFile)("ffmpeg", args, { maxBuffer: 1e8, encoding: "buffer" });
  return new Float32Array(stdout.buffer.slice(stdout.byteOffset, stdout.byteOffset + (stdout.byteLength & ~3)));
}

function formatTable(all: readonly Row[]): string {
  const head = "noise        SNR  LUFS  voice  denoiser            SI-SDR  (afftdn)  STOI            PESQ";
  const lines = all.map((row) => {
    const pair = (before: number, after: number, digits: number) =>
      `${before.toFixed(digits)} → ${after.toFixed(digits)}`;
    return [
      row.noise.padEnd(12),
      String(row.snrDb).padStart(3),
      String(row.loudnessLufs).padStart(5),
      String(row.voice).padStart(6),
      ` ${(row.denoiser ?? "left alone").padEnd(19)}`,
      row.gainDb.toFixed(1).padStart(6),
      `(${row.afftdnGainDb.toFixed(1)})`.padStart(9),
      ` ${pair(row.stoiBefore, row.stoiAfter, 3)}`,
      ` ${pair(row.pesqBefore, row.pesqAfter, 2)}`,
    ].join(" ");
  });
  return ["", head, ...lines, ""].join("\n");
}

/** 16 bits of the output, and the resampling for the metrics. */
const rounding = { stoi: 0.001, pesq: 0.01 };

test.for(cases)(
  "fails when $noise at $snrDb dB SNR and $loudnessLufs LUFS costs intelligibility or quality",
  (one, { skip }) => {
    if (missing !== null) skip(missing);
    const row = rows.find(
      ({ noise, snrDb, loudnessLufs }) =>
        noise === one.noise && snrDb === one.snrDb && loudnessLufs === one.loudnessLufs,
    );
    if (row === undefined) throw new Error(`${one.noise} at ${one.snrDb} dB was not tried`);
    expect(row.stoiAfter).toBeGreaterThanOrEqual(row.stoiBefore - rounding.stoi);
    expect(row.pesqAfter).toBeGreaterThanOrEqual(row.pesqBefore - rounding.pesq);
  },
);
