import { join } from "node:path";
import { measureRun } from "../measure-run.ts";
import type { Row } from "../row.ts";
import { cliPath, makeMusic, makeStereoSpeech } from "../sources.ts";

/** One pass of ffmpeg that ducks by the voice's level, adds and encodes; it measures nothing and reaches no loudness. */
export const mix: Row = {
  name: "mix",
  work: "mix 30 min (quick: 20 s) of speech with music to mp3, against ffmpeg's sidechaincompress, amix and encode",
  bar: { type: "ratio", atMost: 1.2 },
  async prepare({ folder, quick }) {
    const audioSeconds = quick ? 20 : 1_800;
    const voice = makeStereoSpeech(join(folder, "voice.wav"), audioSeconds);
    const music = makeMusic(join(folder, "music.wav"), audioSeconds);
    const graph =
      "[0:a]asplit[v][k];[1:a][k]sidechaincompress=threshold=0.02:ratio=8:attack=50:release=500[d];" +
      "[v][d]amix=inputs=2:normalize=0[out]";
    const plain = ["-i", voice, "-i", music, "-filter_complex", graph, "-map", "[out]", "-b:a", "160k"];
    const ours = [process.execPath, cliPath, "mix", voice, "--music", music, "-o", join(folder, "ours.mp3"), "--quiet"];
    return {
      audioSeconds,
      ours: { name: "mixdown mix", run: () => measureRun(ours) },
      theirs: {
        name: "ffmpeg",
        run: () => measureRun(["ffmpeg", "-nostdin", "-v", "error", "-y", ...plain, join(folder, "theirs.mp3")]),
      },
    };
  },
};
