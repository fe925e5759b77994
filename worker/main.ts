import { startCompileCache } from "../config/compile-cache.js";

// Before anything else is loaded, where the launcher has not done it already.
startCompileCache();
const { runTask } = await import("./attempt.ts");
await runTask();
