/** Line breaks, control characters, and characters that turn or hide text: none of them may reach a comment. */
const unseen = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\u115F\u1160\u3164\uFFA0]/gu;

/** Text from a plan on one line, cut in its middle. Pure. */
export function flattenText(text: string, maxLength: number): string {
  const flat = text
    .slice(0, 20_000)
    .toWellFormed()
    .replace(/\r\n|[\r\n]/g, "⏎")
    .replace(unseen, "\uFFFD");
  if (flat.length <= maxLength) return flat;
  const half = Math.floor((maxLength - 1) / 2);
  return `${flat.slice(0, half)}…${flat.slice(-half)}`.toWellFormed();
}

/**
 * A code span that holds whatever is in it: no Markdown, HTML, mention or link inside is live. Its fence is longer than
 * any run of backticks within (CommonMark 0.31, 6.1). Not for table cells, where `|` ends the span. Pure.
 */
export function formatCode(text: string, maxLength = 200): string {
  const flat = flattenText(text, maxLength);
  if (flat.trim() === "") return "`(empty)`";
  const longest = Math.max(0, ...[...flat.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = "`".repeat(longest + 1);
  const pad = longest > 0 || /^ .* $/.test(flat) ? " " : "";
  return `${fence}${pad}${flat}${pad}${fence}`;
}

const maxDiffLines = 24;

/** A fenced block of `+` and `-` lines inside a list item; a line's sign keeps it from closing the fence. Pure. */
export function formatDiff(lines: readonly string[]): string {
  const signed = lines.slice(0, maxDiffLines).map((line) => {
    const flat = flattenText(line, 400);
    return /^[+-] /.test(flat) ? flat : `  ${flat}`.replace(/^ {2}(?=[`~])/, "  · ");
  });
  const rest = lines.length > maxDiffLines ? [`  … and ${lines.length - maxDiffLines} more lines`] : [];
  return ["```diff", ...signed, ...rest, "```"].map((line) => `  ${line}`).join("\n");
}

/** `+36.50 USD`. Not `$`: two of them on a line are mathematics to GitHub. Pure. */
export function formatUsd(usd: number): string {
  const rounded = Math.round(usd * 100) / 100;
  return `${rounded > 0 ? "+" : rounded < 0 ? "−" : ""}${Math.abs(rounded).toFixed(2)} USD`;
}

/** `1 queue`, `2 queues`. Pure. */
export const countOf = (count: number, one: string, many = `${one}s`): string => `${count} ${count === 1 ? one : many}`;
