import { Readable } from "node:stream";
import { expect, test } from "vitest";
import { ProcessError } from "../../../../worker/process/process-error.ts";
import { parseProgress } from "../../../../worker/process/progress.ts";
import { buildGlobalArgs, mapFfmpegError } from "../../../../worker/process/run-ffmpeg.ts";

const failed = (stderrTail: string, signal: NodeJS.Signals | null = null) =>
  new ProcessError({
    argv: ["/usr/bin/ffmpeg"],
    exitCode: signal === null ? 1 : null,
    signal,
    durationMs: 5,
    timedOut: false,
    stderrTail,
  });

test("fails when progress is lost at chunk borders or read from N/A", async () => {
  const text =
    "frame=0\nout_time_us=N/A\nprogress=continue\nout_time_us=-9223372036854775807\nprogress=continue\n" +
    "bitrate= 128.0kbits/s\nout_time_us=1500000\nout_time=00:00:01.500000\nprogress=continue\nout_time_us=2000000\nprogress=end\n";
  for (const size of [1, 7, 1000]) {
    const chunks = text.match(new RegExp(`[^]{1,${size}}`, "g")) ?? [];
    const seen: number[] = [];
    for await (const seconds of parseProgress(Readable.from(chunks))) seen.push(seconds);
    expect(seen).toEqual([1.5, 2]);
  }
});

test("fails when filters may use slice threads or stdin may be read", () => {
  const args = buildGlobalArgs(true).join(" ");
  expect(args).toContain("-filter_threads 1");
  expect(args).toContain("-nostdin");
  expect(args).toContain("-progress pipe:3");
});

test("fails when the input's faults, the disk's and ffmpeg's own are not told apart", () => {
  const codeOf = (tail: string, signal?: NodeJS.Signals) => mapFfmpegError(failed(tail, signal)).code;
  expect(codeOf("[mov @ 0x1] [error] moov atom not found\n[error] x: Invalid data found when processing input\n")).toBe(
    "input_corrupt",
  );
  expect(codeOf("[error] av_interleaved_write_frame(): No space left on device\n")).toBe("platform_disk_full");
  expect(codeOf("[fatal] Unknown encoder 'libopus'\n")).toBe("platform_ffmpeg_failed");
  expect(codeOf("", "SIGXFSZ")).toBe("limit_resources");
  expect(codeOf("[info] Exiting normally, received signal 24.\n")).toBe("limit_resources");
  expect(codeOf("[error] Invalid data found when processing input\n", "SIGSEGV")).toBe("platform_ffmpeg_failed");
});

test("fails when the message shows addresses or the wrong line", () => {
  const tail = "[info] Input #0\n[libx @ 0x5581] [error] The first thing.\n[error] A consequence\n";
  expect(mapFfmpegError(failed(tail)).message).toBe("ffmpeg ended with exit code 1: The first thing.");
});
