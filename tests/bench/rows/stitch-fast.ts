import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { measureRun } from "../measure-run.ts";
import { installPeer } from "../peers.ts";
import type { PreparedRow, Row, RowContext, Side } from "../row.ts";
import { cliPath, makeStereoSpeech } from "../sources.ts";
import { pydubJoin } from "./stitch-exact.ts";

const count = 20;

/** Twenty files of one kind, none of a length that its frames divide. */
function prepareParts({ folder, quick }: RowContext, peer: (paths: readonly string[]) => Side): PreparedRow {
  const lengths = Array.from({ length: count }, (_, index) => (quick ? 3 : 87) + 0.137 * index);
  const paths = lengths.map((seconds, index) => makeStereoSpeech(join(folder, `${index}.mp3`), seconds, 44_100));
  const ours = [process.execPath, cliPath, "stitch", ...paths, "--join", "fast", "-o", join(folder, "ours.mp3")];
  return {
    audioSeconds: lengths.reduce((sum, seconds) => sum + seconds, 0),
    ours: { name: "mixdown stitch", run: () => measureRun([...ours, "--quiet"]) },
    theirs: peer(paths),
  };
}

export const stitchFast: Row = {
  name: "stitch-fast",
  work: "stitch 20 mp3 files of one kind, 29 min (quick: 1 min), by copying, against pydub",
  bar: { type: "ratio", atMost: 1 / 20 },
  prepare: async (context) =>
    prepareParts(context, (paths) => {
      const script = join(context.folder, "join.py");
      writeFileSync(script, pydubJoin);
      const python = join(installPeer("pydub"), "python");
      const argv = [python, script, join(context.folder, "theirs.mp3"), ...paths];
      return { name: "pydub", run: () => measureRun(argv) };
    }),
};

/** The floor: it copies without looking, and what it joins is half a second too long. */
export const stitchFastCopy: Row = {
  name: "stitch-fast-copy",
  work: "the same against ffmpeg's concat demuxer, copying",
  bar: { type: "ratio", atMost: 6 },
  prepare: async (context) =>
    prepareParts(context, (paths) => {
      const list = join(context.folder, "list.txt");
      writeFileSync(list, paths.map((path) => `file '${path}'\n`).join(""));
      const input = ["-f", "concat", "-safe", "0", "-i", list];
      const argv = ["ffmpeg", "-nostdin", "-v", "error", "-y", ...input, "-c", "copy"];
      return { name: "ffmpeg -f concat", run: () => measureRun([...argv, join(context.folder, "theirs.mp3")]) };
    }),
};
