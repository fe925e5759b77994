import { join } from "node:path";
import { measureRun } from "../measure-run.ts";
import { installPeer } from "../peers.ts";
import type { Row } from "../row.ts";
import { cliPath, makeStereoSpeech } from "../sources.ts";

/** ffmpeg-normalize in its two passes of EBU R128, behind the filters that plain ffmpeg users put before it. */
const cleanRow = (name: string, format: "mp3" | "wav", encoder: readonly string[]): Row => ({
  name,
  work: `clean 30 min (quick: 20 s) of noisy stereo speech, ${format} to ${format}, against ffmpeg-normalize behind a high-pass and afftdn`,
  bar: { type: "ratio", atMost: 0.15 },
  async prepare({ folder, quick }) {
    const audioSeconds = quick ? 20 : 1_800;
    const input = makeStereoSpeech(join(folder, `in.${format}`), audioSeconds);
    const programs = installPeer("ffmpeg-normalize");
    const filters = ["-prf", "highpass=f=20,afftdn"];
    const target = ["-nt", "ebu", "-t", "-16", "-tp", "-1", "-ar", "48000"];
    return {
      audioSeconds,
      ours: {
        name: "mixdown clean",
        run: () =>
          measureRun([process.execPath, cliPath, "clean", input, "-o", join(folder, `ours.${format}`), "--quiet"]),
      },
      theirs: {
        name: "ffmpeg-normalize",
        run: () =>
          measureRun([
            ...[join(programs, "ffmpeg-normalize"), input, "-o", join(folder, `theirs.${format}`), "-f"],
            ...[...filters, ...target, ...encoder],
          ]),
      },
    };
  },
});

export const cleanMp3 = cleanRow("clean-mp3", "mp3", ["-c:a", "libmp3lame", "-b:a", "128k"]);
export const cleanWav = cleanRow("clean-wav", "wav", []);
