import { startFfmpeg } from "../../process/run-ffmpeg.ts";
import { type EncodeRequest, type EncodeResult, measureFromPipe } from "../encode/encode.ts";
import { buildVerifyArgs } from "../encode/encode-args.ts";
import { isBareMp3 } from "../encode/encoder-plan.ts";
import { gainStepDb, lowerGranules } from "./lower-granules.ts";

/** Rounds of finding and lowering; the second finds little, the third next to nothing. */
const mostRounds = 3;
/** A sample that a decoder gives depends on the granule that it falls into and, by window and filter bank, on two before. */
const reachGranules = 2;

type Repairable = Omit<EncodeRequest, "source" | "ceilingDbtp">;

/**
 * Brings an encoded mp3 under its ceiling where a few decoded peaks, found while it was encoded, pass it: the granules that
 * make them are turned down by steps of 1.5 dB, in the file. To encode anew under a lower limit moves such peaks about more
 * than it lowers them: the harder speech is limited, the more of it lies at the limit, for the codec to throw over. Other
 * formats are left alone.
 */
export async function repairPeaks<Result extends EncodeResult>(
  request: Repairable,
  result: Result,
  ceilingDbtp: number,
): Promise<Result> {
  if (!isBareMp3(request)) return result;
  const { plan, outPath, toolchain, signal } = request;
  // Peaks for a picture were taken while it was encoded; these few differ by what no picture shows.
  const finished = { ...request, ceilingDbtp, onSamples: undefined, onPcm16: undefined };
  const start = (target: readonly string[]) =>
    startFfmpeg(toolchain, buildVerifyArgs({ plan, outPath, decodeAfterwards: true }, target), { signal });
  let repaired = result;
  for (let round = 0; round < mostRounds; round++) {
    const { reading, overs } = repaired;
    if (reading.truePeakDbtp === null || reading.truePeakDbtp <= ceilingDbtp) break;
    if (overs === null || overs.length === 0) break;
    const steps = new Map<number, number>();
    for (const { frame, factor } of overs) {
      const down = Math.ceil((20 * Math.log10(factor) + 0.05) / gainStepDb);
      const granule = Math.floor((frame + plan.delayFrames) / 576);
      for (let at = granule - reachGranules; at <= granule; at++) steps.set(at, Math.max(down, steps.get(at) ?? 0));
    }
    if (!(await lowerGranules(outPath, steps))) break;
    const touched = overs.map(({ frame }) => frame);
    const decoded = (await repaired.again?.(touched)) ?? (await measureFromPipe(start, finished, 0));
    repaired = { ...repaired, ...decoded };
  }
  return repaired;
}
