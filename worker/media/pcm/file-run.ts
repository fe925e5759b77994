import { closeSync, openSync, readSync } from "node:fs";

/** Bytes of PCM that lie in a file; whoever needs them reads them there. Cut like a Buffer. */
export class FileRun {
  readonly path: string;
  /** Of its first byte in the file. */
  readonly at: number;
  /** Bytes. */
  readonly length: number;

  constructor(path: string, at: number, length: number) {
    this.path = path;
    this.at = at;
    this.length = length;
  }

  subarray(from: number, to = this.length): FileRun {
    const [first, last] = [Math.min(from, this.length), Math.min(to, this.length)];
    return new FileRun(this.path, this.at + first, Math.max(0, last - first));
  }

  /** Reads all of it, for the few that are mixed. */
  read(): Buffer {
    const bytes = Buffer.alloc(this.length);
    const file = openSync(this.path, "r");
    try {
      for (let done = 0; done < bytes.length; ) {
        const got = readSync(file, bytes, done, bytes.length - done, this.at + done);
        if (got === 0) throw new RangeError("a scratch file is shorter than it was");
        done += got;
      }
    } finally {
      closeSync(file);
    }
    return bytes;
  }
}

/** Interleaved f32le, here or in a file. */
export type PcmRun = Buffer | FileRun;
