import { enableCompileCache } from "node:module";
import { join } from "node:path";
import { readToolPaths } from "../config/tool-paths.ts";

// Before anything else is loaded: a worker's start is part of every job's time.
enableCompileCache(join(readToolPaths().cacheDir, "compiled"));
const { runTask } = await import("./attempt.ts");
await runTask();
