import { tmpdir } from "node:os";
import type { MediaInfo } from "../../worker/media/probe/media-info.ts";
import { probeMedia } from "../../worker/media/probe/probe.ts";
import { parseInputs, spoolStdin } from "../input-file.ts";
import { openToolchain } from "../local-run.ts";
import { formatBytes } from "../report-table.ts";
import { createScratch } from "../scratch.ts";
import { addCommonFlags, type DefineCommand, examples, type Session } from "../session.ts";

export const defineProbe: DefineCommand = (command, session) => {
  addCommonFlags(
    command
      .helpGroup("On files here:")
      .description("Says what a file is: container, streams, lengths.")
      .argument("<IN>", "audio or video file; - is stdin"),
  )
    .addHelpText("after", examples("mixdown probe talk.mp3", "mixdown probe talk.mp3 --json | jq .durationSeconds"))
    .action(session.action((given: string) => runProbe(given, session)));
};

async function runProbe(given: string, session: Session): Promise<number> {
  const { reporter, signal } = session;
  const [input] = parseInputs([given]);
  const { toolchain, warnings } = await openToolchain(session);
  const scratch = input?.path === null ? createScratch(tmpdir()) : null;
  try {
    const path = scratch === null ? (input?.path ?? given) : await spoolStdin(process.stdin, scratch.path, signal);
    const media = await probeMedia(toolchain, path, input?.name ?? given, { signal });
    const { demuxers: _, path: __, ...facts } = media;
    reporter.printJson({ status: "succeeded", outputs: [], report: null, warnings, path: given, ...facts });
    reporter.print(formatMedia(media));
    return 0;
  } finally {
    await scratch?.remove();
  }
}

const layoutNames: Readonly<Record<number, string>> = { 1: "mono", 2: "stereo" };

/** A file's facts, one a line. Pure. */
export function formatMedia(media: MediaInfo): string {
  const rate = (bitRate: number | null): string => (bitRate === null ? "" : `, ${Math.round(bitRate / 1000)} kbit/s`);
  const seconds = media.durationSeconds;
  const rows: (readonly [string, string])[] = [
    ["file", media.name],
    ["container", `${media.formatName}, ${formatBytes(media.sizeBytes)}${rate(media.bitRate)}`],
    ["length", seconds === null ? "unknown" : `${formatClock(seconds)} (${seconds.toFixed(3)} s)`],
  ];
  for (const stream of media.audio) {
    const layout = stream.channelLayout ?? layoutNames[stream.channels] ?? `${stream.channels} channels`;
    rows.push([
      `audio ${stream.index}`,
      `${stream.codec}, ${stream.sampleRateHz} Hz, ${layout}${rate(stream.bitRate)}`,
    ]);
  }
  for (const stream of media.video) {
    const fps = stream.fps === null || stream.attachedPicture ? "" : `, ${Number(stream.fps.toFixed(3))} fps`;
    const turned = stream.rotation === 0 ? "" : `, turned by ${stream.rotation}°`;
    rows.push([
      stream.attachedPicture ? `picture ${stream.index}` : `video ${stream.index}`,
      `${stream.codec}, ${stream.width}×${stream.height}${fps}${turned}`,
    ]);
  }
  if (media.chapterCount > 0) rows.push(["chapters", String(media.chapterCount)]);
  for (const [name, value] of Object.entries(media.tags))
    rows.push([name, value.replaceAll(/\s+/g, " ").slice(0, 100)]);
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `${name.padEnd(width)}  ${value}`).join("\n");
}

/** `1:02:03`, or `2:03`. */
export function formatClock(seconds: number): string {
  const whole = Math.floor(seconds);
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const tail = String(rest).padStart(2, "0");
  return hours > 0 ? `${hours}:${String(minutes).padStart(2, "0")}:${tail}` : `${minutes}:${tail}`;
}
