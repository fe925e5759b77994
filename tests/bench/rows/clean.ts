import { join } from "node:path";
import { measureRun } from "../measure-run.ts";
import type { Row } from "../row.ts";
import { cliPath, makeSpeech } from "../sources.ts";

export const clean: Row = {
  name: "clean",
  work: "clean 5 min (quick: 20 s) of noisy speech, WAV to WAV, against ffmpeg's plain decode of it",
  async prepare({ folder, quick }) {
    const input = makeSpeech(folder, quick ? 20 : 300);
    return {
      ours: {
        name: "mixdown clean",
        run: () => measureRun([process.execPath, cliPath, "clean", input, "-o", join(folder, "clean.wav"), "--quiet"]),
      },
      theirs: {
        name: "ffmpeg -f null",
        run: () => measureRun(["ffmpeg", "-nostdin", "-v", "error", "-i", input, "-f", "null", "-"]),
      },
    };
  },
};
