/**
 * Runs a script of the images: `--help` prints its usage, and what goes wrong is a sentence and exit code 1, without the
 * place in our code, which nobody who builds images can do anything about.
 */
export async function runImageScript(usage: string, run: () => Promise<void>): Promise<void> {
  if (process.argv.includes("--help")) return console.log(usage);
  try {
    await run();
  } catch (thrown) {
    const message = thrown instanceof Error ? thrown.message : String(thrown);
    const isUsage = thrown instanceof TypeError && "code" in thrown && String(thrown.code).startsWith("ERR_PARSE_ARGS");
    console.error(isUsage ? `${message}\n\n${usage}` : message);
    process.exitCode = 1;
  }
}
