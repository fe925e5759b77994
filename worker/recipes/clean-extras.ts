import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Edit, moveChapters } from "../media/clean/edit-list.ts";
import { buildChapterFile, buildExtras, type ExtrasPlan, findCovers } from "../media/encode/keep-extras.ts";
import { buildOggPictureFile, readPicture } from "../media/encode/ogg-picture.ts";
import type { OutputFormat } from "../media/encode/output-format.ts";
import type { MediaInfo } from "../media/probe/media-info.ts";
import type { RecipeContext } from "./recipe.ts";

interface Kept {
  readonly media: MediaInfo;
  readonly output: OutputFormat;
  readonly edits: readonly Edit[];
}

/** Everything of the original but its sound; what ffmpeg cannot take from it is written into scratch first. */
export async function keepExtras(context: RecipeContext, kept: Kept): Promise<ExtrasPlan> {
  return buildExtras(kept.media, kept.output, await writeChapters(context, kept), await writeCover(context, kept));
}

/** Where silence was cut out, chapters move with the words. */
async function writeChapters({ scratchDir }: RecipeContext, { media, edits }: Kept): Promise<string | null> {
  if (media.chapters.length === 0 || edits.length < 2) return null;
  const path = join(scratchDir, "chapters.txt");
  await writeFile(path, buildChapterFile(moveChapters(media.chapters, edits)));
  return path;
}

async function writeCover(
  { scratchDir, toolchain, signal }: RecipeContext,
  { media, output }: Kept,
): Promise<string | null> {
  const [cover] = findCovers(media);
  if (output.extension !== "opus" || cover === undefined) return null;
  const bytes = await readPicture(toolchain, media, cover, signal);
  if (bytes === null) return null;
  const path = join(scratchDir, "cover.txt");
  await writeFile(path, buildOggPictureFile(cover, bytes));
  return path;
}
