import type { Measurement, Report } from "../core/report.ts";

/** Columns as wide as their widest cell, two spaces apart; those of `numbers` are aligned to the right. */
export function formatTable(
  rows: readonly (readonly string[])[],
  options: { readonly numbers?: readonly number[] } = {},
): string {
  const numbers = options.numbers ?? [];
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => [...(row[column] ?? "")].length)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => padTo(cell, widths[column] ?? 0, numbers.includes(column)))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

const padTo = (cell: string, width: number, right: boolean): string => {
  const gap = " ".repeat(Math.max(0, width - [...cell].length));
  return right ? gap + cell : cell + gap;
};

/** Before and after of one result; of many inputs only what they became. */
export function formatReport(report: Report): string {
  const { after } = report;
  const before = report.before.length === 1 ? report.before[0] : undefined;
  const row = (
    label: string,
    unit: string,
    read: (at: Measurement) => number | null,
    digits = 1,
  ): readonly string[] => {
    const show = (at: Measurement | null | undefined): string => {
      const value = at === null || at === undefined ? null : read(at);
      return value === null ? "–" : `${value.toFixed(digits)} ${unit}`;
    };
    return [label, ...(before === undefined ? [] : [show(before)]), show(after)];
  };
  const head = before === undefined ? ["", "result"] : ["", "before", "after"];
  const rows = [
    row("loudness", "LUFS", (at) => at.integratedLufs),
    row("true peak", "dBTP", (at) => at.truePeakDbtp),
    row("range", "LU", (at) => at.loudnessRangeLu),
    row("pauses", "dBFS", (at) => at.noiseFloorDbfs),
    row("length", "s", (at) => at.durationSeconds, 3),
  ];
  return formatTable([head, ...rows.filter((cells) => cells.slice(1).some((cell) => cell !== "–"))], {
    numbers: [1, 2],
  });
}

/** `1.2 MB`; decimal, as file managers count. */
export function formatBytes(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 || value >= 99.5 ? value.toFixed(0) : value.toFixed(1)} ${units[unit]}`;
}
