import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import type { StartedProcess } from "../../process/run-process.ts";
import type { PcmFile } from "./pcm-file.ts";

/** Samples that are being written to a file, from its beginning on: whoever needs a part reads it there, in any thread. */
export interface GrowingFile {
  readonly file: PcmFile;
  /** Waits until so many frames are there, or all; gives what is there. Throws as its writer does. */
  waitFor(frames: number): Promise<number>;
}

/** A minute of stereo takes ffmpeg some 50 ms. */
const pollMs = 10;

/** What an ffmpeg writes to the file. */
export function followWriter({ done }: Pick<StartedProcess, "done">, file: PcmFile): GrowingFile {
  let ended = false;
  const end = () => {
    ended = true;
  };
  done.then(end, end);
  return {
    file,
    async waitFor(frames) {
      for (;;) {
        const isAll = ended;
        if (isAll) await done;
        const { size } = await stat(file.path).catch(() => ({ size: 0 }));
        const there = Math.floor(size / (4 * file.channels));
        if (isAll || there >= frames) return there;
        await Promise.race([sleep(pollMs), done]);
      }
    },
  };
}

const readAhead = 1 << 18;

/** The bytes in their order, as they come. */
export async function* readGrowing({ file, waitFor }: GrowingFile): AsyncGenerator<Uint8Array> {
  const frameBytes = 4 * file.channels;
  for (let at = 0; ; ) {
    const there = await waitFor(at + 1);
    if (there <= at) return;
    yield* createReadStream(file.path, {
      ...{ start: at * frameBytes, end: there * frameBytes - 1 },
      highWaterMark: readAhead,
    });
    at = there;
  }
}
