import { mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { writeBenchmarks } from "./benchmarks-page.ts";
import { compare, formatComparison } from "./compare.ts";
import type { Row } from "./row.ts";
import { cleanMp3, cleanWav } from "./rows/clean.ts";
import { cleanCores } from "./rows/clean-cores.ts";
import { cliStart, cliStartPacked } from "./rows/cli-start.ts";
import { hours } from "./rows/hours.ts";
import { mix } from "./rows/mix.ts";
import { peaks } from "./rows/peaks.ts";
import { stitchExact, stitchExactMp3, stitchMany } from "./rows/stitch-exact.ts";
import { stitchFast, stitchFastCopy } from "./rows/stitch-fast.ts";
import { submit } from "./rows/submit.ts";
import { synth } from "./rows/synth.ts";

// `npm run bench -- [--row NAME]... [--quick] [--write]`: medians of three rounds, both sides in turn, as ratios. Needs
// ffmpeg, and python3 for the peers, which it installs. --write puts what was measured into docs/benchmarks.md. The rows
// hours-* run by their names alone.

const rows: readonly Row[] = [
  cleanMp3,
  cleanWav,
  cleanCores,
  mix,
  peaks,
  stitchExact,
  stitchExactMp3,
  stitchMany,
  stitchFast,
  stitchFastCopy,
  submit,
  synth,
  cliStart,
  cliStartPacked,
  ...hours,
];

const { values } = parseArgs({
  options: {
    row: { type: "string", multiple: true },
    quick: { type: "boolean", default: false },
    write: { type: "boolean", default: false },
  },
});
if (values.quick && values.write) {
  console.error(
    "--quick says whether the rows work, not how fast they are: it cannot be written. Leave one of both out.",
  );
  process.exit(2);
}
const unknown = values.row?.filter((name) => !rows.some((row) => row.name === name)) ?? [];
if (unknown.length > 0) {
  console.error(`There is no row ${unknown.join(", ")}; there are ${rows.map((row) => row.name).join(", ")}.`);
  process.exit(2);
}

console.log(
  `node ${process.versions.node}, ${availableParallelism()} cores${values.quick ? ", quick: one round" : ""}\n`,
);
for (const row of rows.filter(({ name, isLong }) => values.row?.includes(name) ?? isLong !== true)) {
  const folder = mkdtempSync(join(tmpdir(), "mixdown-bench-"));
  try {
    const prepared = await row.prepare({ folder, quick: values.quick });
    try {
      const comparison = await compare(row, prepared, values.quick ? 1 : 3);
      console.log(`${formatComparison(comparison)}\n`);
      if (values.write) writeBenchmarks([comparison]);
    } finally {
      await prepared.close?.();
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
