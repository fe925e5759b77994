/** What happens goes to stderr; stdout has only the lines that a front end needs. */
export const say = (line: string): void => {
  process.stderr.write(`${line}\n`);
};

const heartbeatMs = 30_000;

/** Says every half minute that something still goes on. */
export async function withHeartbeat<T>(what: string, work: () => Promise<T>): Promise<T> {
  const started = performance.now();
  const timer = setInterval(
    () => say(`  … ${what}: ${Math.round((performance.now() - started) / 1_000)} s`),
    heartbeatMs,
  );
  try {
    return await work();
  } finally {
    clearInterval(timer);
  }
}
