import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import { runInOrder, type ThreadPool } from "../../process/thread-pool.ts";
import { clipSegment, placeSegment } from "../clean/clean-segments.ts";
import { createLoudnessFold, type LoudnessSums } from "../meters/loudness-part.ts";
import type { LimitSums, LimitTask } from "./limit-segment.ts";
import type { LimitedSource, LimiterSetting, MasteringSource } from "./mastering.ts";

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
export function limitInSegments({ source, pool, parts, outPath }: LimitPlan): LimitedSource {
  const { frames } = source.reading;
  const { path, sampleRateHz, channels, channelLayout } = source;
  const file = { path, sampleRateHz, channels, channelLayout };
  const toTask = (index: number, { gainDb, limitDbtp }: LimiterSetting, target: string | null): LimitTask => {
    const segment = clipSegment(placeSegment(index, sampleRateHz), frames);
    return { kind: "limit", file, segment, gainDb, ceilingDbtp: limitDbtp, outPath: target };
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
      let touched = false;
      async function* pcm(): AsyncGenerator<Uint8Array> {
        await (await open(outPath, "w")).close();
        const running: Promise<LimitSums>[] = [];
        const start = (index: number) => {
          if (index < count) running.push(pool.run<LimitSums>(toTask(index, setting, outPath)));
        };
        const ahead = 2 * pool.size;
        for (let index = 0; index < ahead; index++) start(index);
        for (let index = 0; index < count; index++) {
          const { limited } = await (running.shift() as Promise<LimitSums>);
          touched ||= limited;
          start(index + ahead);
          const { from, to } = toTask(index, setting, outPath).segment;
          const [first, last] = [from * 4 * channels, to * 4 * channels];
          yield* createReadStream(outPath, { start: first, end: last - 1, highWaterMark: 1 << 18 });
        }
      }
      return { pcm: pcm(), limited: () => touched };
    },
  };
}
