import { startCompileCache } from "../config/compile-cache.js";

// mixdown.js has done it; this is for who starts the source itself.
startCompileCache();
const argv = process.argv.slice(2);
const { beginEarlyProbe } = await import("./early-probe.ts");
await beginEarlyProbe(argv);
const { runCli } = await import("./program.ts");
await runCli(argv);
