import { mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { compare } from "./compare.ts";
import type { Row } from "./row.ts";
import { clean } from "./rows/clean.ts";
import { cliStart, cliStartPacked } from "./rows/cli-start.ts";
import { submit } from "./rows/submit.ts";

// `npm run bench -- [--row NAME]... [--quick]`: medians of three rounds, both sides in turn, as ratios. Needs ffmpeg.

const rows: readonly Row[] = [clean, submit, cliStart, cliStartPacked];

const { values } = parseArgs({
  options: { row: { type: "string", multiple: true }, quick: { type: "boolean", default: false } },
});
const unknown = values.row?.filter((name) => !rows.some((row) => row.name === name)) ?? [];
if (unknown.length > 0) {
  console.error(`There is no row ${unknown.join(", ")}; there are ${rows.map((row) => row.name).join(", ")}.`);
  process.exit(2);
}

console.log(
  `node ${process.versions.node}, ${availableParallelism()} cores${values.quick ? ", quick: one round" : ""}\n`,
);
for (const row of rows.filter(({ name }) => values.row?.includes(name) ?? true)) {
  const folder = mkdtempSync(join(tmpdir(), "mixdown-bench-"));
  try {
    const prepared = await row.prepare({ folder, quick: values.quick });
    try {
      console.log(`${await compare(row, prepared, values.quick ? 1 : 3)}\n`);
    } finally {
      await prepared.close?.();
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
