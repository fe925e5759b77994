import { join } from "node:path";
import { measureRun } from "../measure-run.ts";
import type { Row } from "../row.ts";
import { cliPath, makeStereoSpeech } from "../sources.ts";

/** What a second core brings: the bar is 1 / 1.8 of the time. Needs taskset, and two cores. */
export const cleanCores: Row = {
  name: "clean-cores",
  work: "clean 30 min (quick: 150 s) of noisy stereo speech, WAV to WAV, by two cores, against itself by one",
  bar: { type: "ratio", atMost: 1 / 1.8 },
  async prepare({ folder, quick }) {
    const audioSeconds = quick ? 150 : 1_800;
    const input = makeStereoSpeech(join(folder, "in.wav"), audioSeconds);
    const side = (cores: string) => ({
      name: `mixdown clean, cores ${cores}`,
      run: () =>
        measureRun([
          ...["taskset", "-c", cores, process.execPath, cliPath, "clean", input],
          ...["-o", join(folder, `out-${cores}.wav`), "--quiet"],
        ]),
    });
    return { audioSeconds, ours: side("0,1"), theirs: side("0") };
  },
};
