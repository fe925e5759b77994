import { open } from "node:fs/promises";
import { createBell } from "../../process/bell.ts";
import { runInOrder, type ThreadPool } from "../../process/thread-pool.ts";
import { placeSegment } from "../clean/clean-segments.ts";
import type { HeardPart } from "../encode/hear-segment.ts";
import { writeWavSegments } from "../encode/wav-segments.ts";
import { createLoudnessFold, type LoudnessSums } from "../meters/loudness-part.ts";
import { clipSegment } from "../pcm/pcm-file.ts";
import type { LimitSums, LimitTask } from "./limit-segment.ts";
import type { LimitedFile, LimitedSource, LimiterSetting, MasteringSource } from "./mastering.ts";
import { foreseeOver } from "./mastering-limiter.ts";

/** Segments that the limiter's cost in loudness is told by: ten minutes, spread over the whole. */
const mostMeasured = 20;

interface LimitPlan {
  readonly source: MasteringSource;
  readonly pool: ThreadPool;
  /** What each segment added to the source's reading. */
  readonly parts: readonly LoudnessSums[];
  /** Limited segments wait there for the encoder. */
  readonly outPath: string;
}

/** Limits a long recording by several threads. */
export function limitInSegments({ source, pool, parts, outPath }: LimitPlan): LimitedSource<LimitedFile> {
  const { frames } = source.reading;
  const { path, sampleRateHz, channels, channelLayout } = source;
  const file = { path, sampleRateHz, channels, channelLayout };
  const toTask = (index: number, setting: LimiterSetting, target: string | null): LimitTask => {
    const segment = clipSegment(placeSegment(index, sampleRateHz), frames);
    const [{ gainDb, limitDbtp: ceilingDbtp }, overDb] = [setting, foreseeOver(source.reading, setting)];
    return { kind: "limit", file, segment, gainDb, ceilingDbtp, overDb, outPath: target };
  };
  const count = parts.length;
  const measured = Array.from({ length: Math.min(count, mostMeasured) }, (_, at) =>
    Math.floor(((at + 0.5) * count) / Math.min(count, mostMeasured)),
  );
  const fold = (sums: readonly LoudnessSums[]): number | null => {
    const whole = createLoudnessFold(sampleRateHz);
    for (const one of sums) whole.add(one);
    return whole.finish(frames).integratedLufs;
  };

  /** Limits into the file, segment by segment, once what wrote there before has ended. */
  const writeSegments = (setting: LimiterSetting, afterwards: Promise<void>) => {
    let [there, touched] = [0, false];
    const moved = createBell();
    const write = async (): Promise<void> => {
      await afterwards;
      await (await open(outPath, "w")).close();
      async function* tasks(): AsyncGenerator<LimitTask> {
        for (let index = 0; index < count; index++) yield toTask(index, setting, outPath);
      }
      let taken = 0;
      await runInOrder<LimitSums>(pool, tasks(), ({ limited }) => {
        touched ||= limited;
        there = toTask(taken++, setting, outPath).segment.to;
        moved.ring();
      });
    };
    const done = write();
    done.catch(() => {});
    return {
      done,
      limited: () => touched,
      async waitFor(wanted: number): Promise<number> {
        while (there < Math.min(wanted, frames)) await Promise.race([moved.wait(), done]);
        return there;
      },
    };
  };
  let before: Promise<void> = Promise.resolve();

  return {
    async measure(setting) {
      const limited: LoudnessSums[] = [];
      async function* tasks(): AsyncGenerator<LimitTask> {
        for (const index of measured) yield toTask(index, setting, null);
      }
      await runInOrder<LimitSums>(pool, tasks(), ({ loudness }) => {
        if (loudness !== null) limited.push(loudness);
      });
      const reached = fold(limited);
      const plain = fold(measured.map((index) => parts[index]).filter((part) => part !== undefined));
      const { integratedLufs } = source.reading;
      // What it costs there it costs everywhere.
      return reached === null || plain === null || integratedLufs === null ? reached : integratedLufs + reached - plain;
    },
    open(setting) {
      const written = writeSegments(setting, before);
      before = written.done.catch(() => {});
      return { growing: { file: { ...file, path: outPath }, waitFor: written.waitFor }, limited: written.limited };
    },
    async writeWav(setting, request) {
      let limited = false;
      const written = await writeWavSegments<LimitTask, LimitSums>(request, {
        async *tasks(listen) {
          for (let index = 0; index < count; index++) {
            const task = toTask(index, setting, null);
            yield { ...task, hear: listen(task.segment) };
          }
        },
        take(sums) {
          limited ||= sums.limited;
          return sums.heard as HeardPart;
        },
      });
      return { ...written, limited };
    },
  };
}
