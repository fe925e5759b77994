import type { Reading } from "./measure-run.ts";
import type { Bar, PreparedRow, Row, Side } from "./row.ts";

export interface Comparison {
  readonly row: Row;
  readonly ours: Result;
  readonly theirs: Result | null;
  /** Seconds of sound in one second of ours; null where the row is about something else. */
  readonly speed: number | null;
  readonly isMet: boolean | null;
}

interface Result extends Reading {
  readonly name: string;
}

/**
 * Runs both sides in turn, so that whatever else the machine does hits both; the side that begins alternates too.
 * A first round of each warms the caches and is not counted.
 */
export async function compare(row: Row, prepared: PreparedRow, rounds: number): Promise<Comparison> {
  const { ours, theirs, audioSeconds } = prepared;
  const readings = new Map<Side, Reading[]>();
  const sides = theirs === undefined ? [ours] : [ours, theirs];
  for (let round = row.isLong ? 1 : 0; round <= (row.isLong ? 1 : rounds); round++) {
    for (const side of round % 2 === 0 ? sides : [...sides].reverse()) {
      const reading = await side.run(round);
      if (round > 0) readings.set(side, [...(readings.get(side) ?? []), reading]);
    }
  }
  const our = { name: ours.name, ...medianOf(readings.get(ours) ?? []) };
  const their = theirs === undefined ? null : { name: theirs.name, ...medianOf(readings.get(theirs) ?? []) };
  return {
    row,
    ours: our,
    theirs: their,
    speed: audioSeconds === undefined ? null : (1_000 * audioSeconds) / our.wallMs,
    isMet: row.bar === undefined ? null : meets(row.bar, our, their ?? our),
  };
}

/** For the terminal. */
export function formatComparison({ row, ours, theirs, speed, isMet }: Comparison): string {
  const lines = [`${row.name}: ${row.work}`, formatSide(ours, speed)];
  if (theirs !== null) {
    lines.push(formatSide(theirs, null));
    const { wallMs } = theirs;
    lines.push(`  ratio ${(ours.wallMs / wallMs).toFixed(3)}, ${(ours.wallMs - wallMs).toFixed(0)} ms more`);
  }
  if (row.bar !== undefined) lines.push(`  bar   ${formatBar(row.bar)}: ${isMet ? "met" : "MISSED"}`);
  return lines.join("\n");
}

function formatSide({ name, wallMs, peakBytes }: Result, speed: number | null): string {
  const memory = peakBytes === null ? "" : `  ${formatMegabytes(peakBytes)} at most`;
  const factor = speed === null ? "" : `  ${speed.toFixed(0)} times real time`;
  return `  ${name.padEnd(28)} ${wallMs.toFixed(0).padStart(8)} ms${memory}${factor}`;
}

export const formatMegabytes = (bytes: number): string => `${(bytes / 1024 ** 2).toFixed(0)} MB`;

export function formatBar(bar: Bar): string {
  switch (bar.type) {
    case "ratio":
      return `${Number(bar.atMost.toFixed(3))} times`;
    case "difference":
      return `${bar.atMostMs} ms more`;
    case "time":
      return `${bar.atMostMs} ms`;
    case "memory":
      return `${bar.atMost} times the memory`;
  }
}

function meets(bar: Bar, our: Reading, their: Reading): boolean {
  const [ourMs, theirMs] = [our.wallMs, their.wallMs];
  switch (bar.type) {
    case "ratio":
      return ourMs / theirMs <= bar.atMost;
    case "difference":
      return ourMs - theirMs <= bar.atMostMs;
    case "time":
      return ourMs <= bar.atMostMs;
    case "memory":
      return (our.peakBytes ?? 0) / (their.peakBytes ?? Number.NaN) <= bar.atMost;
  }
}

/** Time and memory each by their own median: the middle one of three. */
function medianOf(readings: readonly Reading[]): Reading {
  const peaks = readings.flatMap(({ peakBytes }) => (peakBytes === null ? [] : [peakBytes]));
  return { wallMs: middle(readings.map(({ wallMs }) => wallMs)), peakBytes: peaks.length === 0 ? null : middle(peaks) };
}

const middle = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
