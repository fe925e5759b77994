import { startCompileCache } from "../config/compile-cache.js";

// mixdown.js has done it; this is for who starts the source itself.
startCompileCache();
const { runCli } = await import("./program.ts");
await runCli(process.argv.slice(2));
