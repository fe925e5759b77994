import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { audioFormats } from "../../core/kinds/audio-formats.ts";
import { buildChapterFile, buildExtras, type ExtrasPlan } from "../media/encode/keep-extras.ts";
import { toNumber, zeroSeconds } from "../media/pcm/pcm-time.ts";
import type { Chapter } from "../media/probe/media-info.ts";
import type { MixPlan } from "./mix-plan.ts";
import type { RecipeContext } from "./recipe.ts";

/** The first narration's tags and cover art, and the chapters of all of them where they lie in the mix. */
export async function keepMixExtras(
  { scratchDir }: Pick<RecipeContext, "scratchDir">,
  plan: MixPlan,
): Promise<ExtrasPlan> {
  const { format } = plan.output.encoder;
  const media = plan.narration[0]?.input.media;
  if (media === undefined) throw new RangeError("a mix has a narration");
  const chapters = moveNarrationChapters(plan);
  const path = chapters.length === 0 ? null : join(scratchDir, "chapters.txt");
  if (path !== null) await writeFile(path, buildChapterFile(chapters));
  const output = { audio: format, extension: format, contentType: audioFormats[format].contentType, video: [] };
  return { ...buildExtras(media, output, path), hasChapters: path !== null };
}

/** In the order of the mix; none reaches beyond its narration. */
export function moveNarrationChapters({
  narration,
  starts,
  preRollFrames,
  output,
}: Pick<MixPlan, "narration" | "starts" | "preRollFrames" | "output">): readonly Chapter[] {
  const preRoll = preRollFrames / output.target.sampleRateHz;
  return narration.flatMap(({ input, end }, index) => {
    const start = preRoll + toNumber(starts[index] ?? zeroSeconds);
    const length = toNumber(end.duration);
    return input.media.chapters
      .filter(({ startSeconds }) => startSeconds < length)
      .map(({ startSeconds, endSeconds, title }) => ({
        startSeconds: start + startSeconds,
        endSeconds: start + Math.min(endSeconds, length),
        title,
      }));
  });
}
