import type { Chapter } from "../probe/media-info.ts";
import type { KeptStretch } from "./silence-shortener.ts";

/** Times of the input that were kept, and where they lie in the output; seconds. */
export interface Edit {
  readonly inputStartSeconds: number;
  readonly inputEndSeconds: number;
  readonly outputStartSeconds: number;
}

export const buildEditList = (stretches: readonly KeptStretch[], sampleRateHz: number): readonly Edit[] =>
  stretches.map(({ inputStart, inputEnd, outputStart }) => ({
    inputStartSeconds: inputStart / sampleRateHz,
    inputEndSeconds: inputEnd / sampleRateHz,
    outputStartSeconds: outputStart / sampleRateHz,
  }));

/** Where a time of the input lies in the output; one that was cut out lies at the cut. */
export function mapTime(edits: readonly Edit[], seconds: number): number {
  let mapped = 0;
  for (const { inputStartSeconds, inputEndSeconds, outputStartSeconds } of edits) {
    if (seconds < inputStartSeconds) break;
    mapped = outputStartSeconds + Math.min(seconds, inputEndSeconds) - inputStartSeconds;
  }
  return mapped;
}

export const moveChapters = (chapters: readonly Chapter[], edits: readonly Edit[]): readonly Chapter[] =>
  chapters.map((chapter) => ({
    ...chapter,
    startSeconds: mapTime(edits, chapter.startSeconds),
    endSeconds: mapTime(edits, chapter.endSeconds),
  }));
