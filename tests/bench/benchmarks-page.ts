import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus } from "node:os";
import { fileURLToPath } from "node:url";
import { type Comparison, formatBar, formatMegabytes } from "./compare.ts";

const page = fileURLToPath(new URL("../../docs/benchmarks.md", import.meta.url));
const begin = "<!-- rows: npm run bench -- --write -->";
const end = "<!-- end of rows -->";

/** Puts measured rows into docs/benchmarks.md, in place of older ones of the same name. Others stay as they are. */
export function writeBenchmarks(comparisons: readonly Comparison[]): void {
  const text = readFileSync(page, "utf8");
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`${page} has lost the marks of its table`);
  const table = text
    .slice(from + begin.length, to)
    .trim()
    .split("\n");
  for (const comparison of comparisons) {
    const line = formatLine(comparison);
    const place = table.findIndex((old) => old.startsWith(`| ${comparison.row.name} |`));
    if (place < 0) table.push(line);
    else table[place] = line;
  }
  writeFileSync(page, `${text.slice(0, from)}${begin}\n${table.join("\n")}\n${text.slice(to)}`);
}

function formatLine({ row, ours, theirs, speed, isMet }: Comparison): string {
  const side = ({ wallMs, peakBytes }: { wallMs: number; peakBytes: number | null }): string =>
    `${formatSeconds(wallMs)}${peakBytes === null ? "" : `, ${formatMegabytes(peakBytes)}`}`;
  return `| ${[
    row.name,
    row.work,
    `${side(ours)}${speed === null ? "" : `, ${speed.toFixed(0)} × real time`}`,
    theirs === null ? "–" : `${theirs.name}: ${side(theirs)}`,
    theirs === null ? "–" : (ours.wallMs / theirs.wallMs).toFixed(3),
    row.bar === undefined ? "–" : `${formatBar(row.bar)}: ${isMet ? "met" : "missed"}`,
    describeMachine(),
  ].join(" | ")} |`;
}

const formatSeconds = (wallMs: number): string =>
  wallMs < 10_000 ? `${wallMs.toFixed(0)} ms` : `${(wallMs / 1_000).toFixed(1)} s`;

function describeMachine(): string {
  const version = /^ffmpeg version (\S+)/.exec(execFileSync("ffmpeg", ["-version"], { encoding: "utf8" }))?.[1] ?? "?";
  const model = cpus()[0]?.model.replace(/\s+/g, " ").trim() ?? "unknown processor";
  const today = new Date().toISOString().slice(0, 10);
  return `${today}, ${availableParallelism()} cores ${model}, Node ${process.versions.node}, ffmpeg ${version}`;
}
