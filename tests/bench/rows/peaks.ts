import { join } from "node:path";
import { measureRun } from "../measure-run.ts";
import type { Row } from "../row.ts";
import { cliPath, makeStereoSpeech } from "../sources.ts";

export const peaks: Row = {
  name: "peaks",
  work: "peaks of 30 min (quick: 20 s) of stereo mp3, against ffmpeg's plain decode of it",
  bar: { type: "ratio", atMost: 1.3 },
  async prepare({ folder, quick }) {
    const audioSeconds = quick ? 20 : 1_800;
    const input = makeStereoSpeech(join(folder, "in.mp3"), audioSeconds);
    const ours = [process.execPath, cliPath, "peaks", input, "-o", join(folder, "peaks.json"), "--quiet"];
    return {
      audioSeconds,
      ours: { name: "mixdown peaks", run: () => measureRun(ours) },
      theirs: {
        name: "ffmpeg -f null",
        run: () => measureRun(["ffmpeg", "-nostdin", "-v", "error", "-i", input, "-f", "null", "-"]),
      },
    };
  },
};
