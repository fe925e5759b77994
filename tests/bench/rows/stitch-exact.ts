import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { measureRun } from "../measure-run.ts";
import { installPeer } from "../peers.ts";
import type { Row } from "../row.ts";
import { cliPath, makeStereoSpeech } from "../sources.ts";

const extensions = ["mp3", "m4a", "wav", "flac", "ogg", "opus"] as const;
const rates = [44_100, 48_000, 24_000, 16_000] as const;

/** How one joins files with pydub. */
export const pydubJoin = `
import sys
from pydub import AudioSegment
out, *paths = sys.argv[1:]
joined = AudioSegment.empty()
for path in paths:
    joined += AudioSegment.from_file(path)
joined.export(out, format=out.rsplit(".")[-1], bitrate="128k")
`;

/** To WAV both sides are themselves; to MP3 most of either's time is the same encoder's, which works on one core. */
const exactRow = (name: string, format: "wav" | "mp3", bar?: Row["bar"]): Row => ({
  name,
  work: `stitch 24 files of six formats and four rates, 29 min (quick: 1 min), exactly, to ${format}, against pydub`,
  ...(bar === undefined ? {} : { bar }),
  async prepare({ folder, quick }) {
    const each = quick ? 2.5 : 72.5;
    const paths = extensions.flatMap((extension) =>
      rates.map((rate) => {
        // Opus knows 48 kHz alone.
        const codec = extension === "opus" ? ["-c:a", "libopus"] : extension === "ogg" ? ["-c:a", "libvorbis"] : [];
        const sampleRateHz = extension === "opus" ? 48_000 : rate;
        const args = extension === "mp3" || extension === "m4a" ? ["-b:a", rate < 32_000 ? "64k" : "128k"] : codec;
        return makeStereoSpeech(join(folder, `${rate}.${extension}`), each, sampleRateHz, args);
      }),
    );
    const script = join(folder, "join.py");
    writeFileSync(script, pydubJoin);
    const python = join(installPeer("pydub"), "python");
    const [ours, theirs] = [join(folder, `ours.${format}`), join(folder, `theirs.${format}`)];
    // To replace half a gigabyte takes as long as to write it: both sides write a new file.
    const runAnew = (out: string, command: readonly string[]) => {
      rmSync(out, { force: true });
      return measureRun(command);
    };
    const stitch = [process.execPath, cliPath, "stitch", ...paths, "--join", "exact", "--quiet", "-o", ours];
    return {
      audioSeconds: each * paths.length,
      ours: { name: "mixdown stitch", run: () => runAnew(ours, stitch) },
      theirs: { name: "pydub", run: () => runAnew(theirs, [python, script, theirs, ...paths]) },
    };
  },
});

export const stitchExact = exactRow("stitch-exact", "wav", { type: "ratio", atMost: 1 / 3 });
export const stitchExactMp3 = exactRow("stitch-exact-mp3", "mp3");

/** Linear in the number of joins: ten times the files may take eleven times as long. */
export const stitchMany: Row = {
  name: "stitch-500",
  work: "stitch 500 files of 4 s with crossfades (quick: 50 of 1 s), against a tenth of them",
  bar: { type: "ratio", atMost: 11 },
  async prepare({ folder, quick }) {
    const path = makeStereoSpeech(join(folder, "part.mp3"), quick ? 1 : 4);
    const many = quick ? 50 : 500;
    const side = (count: number) => {
      const parts = Array.from({ length: count }, () => path);
      const flags = ["--join", "exact", "--crossfade-ms", "100", "--quiet", "-o", join(folder, `${count}.mp3`)];
      return {
        name: `mixdown stitch, ${count} files`,
        run: () => measureRun([process.execPath, cliPath, "stitch", ...parts, ...flags]),
      };
    };
    return { ours: side(many), theirs: side(many / 10) };
  },
};
