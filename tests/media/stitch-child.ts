import { readFileSync } from "node:fs";
import { readToolPaths } from "../../config/tool-paths.ts";
import { findToolchain } from "../../worker/media/toolchain/toolchain.ts";
import { runStitch } from "./stitch-fixtures.ts";

// A process of its own, so that its tree can be measured without the test runner's.
const [dir = "", list = "", params = "{}"] = process.argv.slice(2);
const { report } = await runStitch(await findToolchain(readToolPaths()), dir, JSON.parse(list), JSON.parse(params));

// proc(5): utime, stime, and those of the children that were waited for; ticks of 10 ms. Wall time would measure what
// else runs on the machine.
const fields = readFileSync("/proc/self/stat", "utf8").split(") ").at(-1)?.split(" ") ?? [];
const cpuSeconds = fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) / 100;
process.stdout.write(JSON.stringify({ report, cpuSeconds }));
