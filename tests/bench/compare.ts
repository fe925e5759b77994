import type { Reading } from "./measure-run.ts";
import type { Bar, PreparedRow, Row, Side } from "./row.ts";

/**
 * Runs both sides in turn, so that whatever else the machine does hits both; the side that begins alternates too.
 * A first round of each warms the caches and is not counted.
 */
export async function compare(row: Row, { ours, theirs }: PreparedRow, rounds: number): Promise<string> {
  const readings = new Map<Side, Reading[]>();
  const sides = theirs === undefined ? [ours] : [ours, theirs];
  for (let round = 0; round <= rounds; round++) {
    for (const side of round % 2 === 0 ? sides : [...sides].reverse()) {
      const reading = await side.run(round);
      if (round > 0) readings.set(side, [...(readings.get(side) ?? []), reading]);
    }
  }
  const our = medianOf(readings.get(ours) ?? []);
  const their = theirs === undefined ? null : medianOf(readings.get(theirs) ?? []);
  const lines = [`${row.name}: ${row.work}`, formatSide(ours.name, our)];
  if (theirs !== undefined && their !== null) {
    lines.push(formatSide(theirs.name, their));
    lines.push(`  ratio ${(our.wallMs / their.wallMs).toFixed(3)}, ${(our.wallMs - their.wallMs).toFixed(0)} ms more`);
  }
  if (row.bar !== undefined) lines.push(`  bar   ${formatBar(row.bar, our.wallMs, their?.wallMs ?? 0)}`);
  return lines.join("\n");
}

function formatSide(name: string, { wallMs, peakBytes }: Reading): string {
  const memory = peakBytes === null ? "" : `  ${(peakBytes / 1024 ** 2).toFixed(0)} MB at most`;
  return `  ${name.padEnd(28)} ${wallMs.toFixed(0).padStart(8)} ms${memory}`;
}

function formatBar(bar: Bar, ourMs: number, theirMs: number): string {
  const verdict = (value: number, most: number): string => (value <= most ? "met" : "MISSED");
  switch (bar.type) {
    case "ratio":
      return `${bar.atMost} times: ${verdict(ourMs / theirMs, bar.atMost)}`;
    case "difference":
      return `${bar.atMostMs} ms more: ${verdict(ourMs - theirMs, bar.atMostMs)}`;
    case "time":
      return `${bar.atMostMs} ms: ${verdict(ourMs, bar.atMostMs)}`;
  }
}

/** Time and memory each by their own median: the middle one of three. */
function medianOf(readings: readonly Reading[]): Reading {
  const peaks = readings.flatMap(({ peakBytes }) => (peakBytes === null ? [] : [peakBytes]));
  return { wallMs: middle(readings.map(({ wallMs }) => wallMs)), peakBytes: peaks.length === 0 ? null : middle(peaks) };
}

const middle = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
