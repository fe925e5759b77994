import { join } from "node:path";
import { measureRun } from "../measure-run.ts";
import type { Row } from "../row.ts";
import { cliPath, makeLongSpeech, makeMusic } from "../sources.ts";

/** A command on ten hours of sound, against the same on a few minutes: its memory may not follow the length. */
const hoursRow = (kind: string, build: (input: string, folder: string) => readonly string[]): Row => ({
  name: `hours-${kind}`,
  work: `${kind} of 10 h (quick: 20 min) of mono speech, mp3, against 5 min of it`,
  isLong: true,
  bar: { type: "memory", atMost: 1.5 },
  async prepare({ folder, quick }) {
    makeMusic(join(folder, "music.mp3"), 120);
    const side = (seconds: number) => {
      const input = makeLongSpeech(folder, seconds);
      return {
        name: `mixdown ${kind}, ${seconds / 60} min`,
        run: () => measureRun([process.execPath, cliPath, ...build(input, folder), "--quiet"]),
      };
    };
    const seconds = quick ? 1_200 : 36_000;
    return { audioSeconds: seconds, ours: side(seconds), theirs: side(300) };
  },
});

const out = (folder: string, extension: string): readonly string[] => ["-o", join(folder, `out.${extension}`)];

export const hours: readonly Row[] = [
  hoursRow("clean", (input, folder) => ["clean", input, ...out(folder, "mp3")]),
  hoursRow("mix", (input, folder) => ["mix", input, "--music", join(folder, "music.mp3"), ...out(folder, "mp3")]),
  hoursRow("stitch", (input, folder) => ["stitch", input, input, "--join", "exact", ...out(folder, "mp3")]),
  hoursRow("peaks", (input, folder) => ["peaks", input, ...out(folder, "dat")]),
];
