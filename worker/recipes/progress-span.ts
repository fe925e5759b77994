import type { RecipeContext } from "./recipe.ts";

/** Reports seconds of audio that were worked through as a share of `from` to `to` percent; never backwards. */
export type Span = (seconds: number) => void;

/** Splits a recipe's progress into parts that know only how many seconds they have done. */
export function createSpans(
  context: Pick<RecipeContext, "onProgress">,
  totalSeconds: number | null,
): (from: number, to: number) => Span {
  let last = 0;
  return (from, to) => (seconds) => {
    const done = totalSeconds === null || totalSeconds <= 0 ? 0 : Math.min(1, seconds / totalSeconds);
    const percent = Math.min(99, Math.floor(from + (to - from) * done));
    if (percent <= last) return;
    last = percent;
    context.onProgress("processing", percent);
  };
}
