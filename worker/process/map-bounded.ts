/**
 * Maps `items` with at most `concurrency` calls under way. Results keep the items' order. The first failure is thrown
 * once the calls that were under way have ended; no further one is started.
 */
export async function mapBounded<Item, Result>(
  items: readonly Item[],
  concurrency: number,
  map: (item: Item, index: number) => Promise<Result>,
): Promise<Result[]> {
  const results = new Array<Result>(items.length);
  let next = 0;
  let failed = false;
  const work = async (): Promise<void> => {
    while (!failed && next < items.length) {
      const index = next++;
      try {
        results[index] = await map(items[index] as Item, index);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  const ends = await Promise.allSettled(Array.from({ length: Math.min(concurrency, items.length) }, work));
  for (const end of ends) if (end.status === "rejected") throw end.reason;
  return results;
}
