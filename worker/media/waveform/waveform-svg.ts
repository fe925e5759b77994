import type { Peaks } from "./peaks.ts";

export interface WaveformSvgOptions {
  /** Drawn on top, or alone. */
  readonly before: Peaks;
  readonly after?: Peaks;
  /** @default "Before" and "After"; without `after` none */
  readonly labels?: { readonly before: string; readonly after?: string };
  /** What a screen reader says. @default "Waveform" */
  readonly title?: string;
  /** Pixels of the whole picture. @default 960 */
  readonly widthPx?: number;
  /** Pixels of one waveform. @default 120 */
  readonly rowHeightPx?: number;
}

const gutterPx = 72;
const axisPx = 24;
const gapPx = 16;
const barPitchPx = 3;
/** Text that reads on white and on near-black alike; the media query refines it where it is honoured. */
const style = `path{fill:none}text{font:12px system-ui,sans-serif;fill:#59636e}.b{stroke:#8c959f}.a{stroke:#1f883d}.l{stroke:#8c959f;stroke-opacity:.35}@media(prefers-color-scheme:dark){text{fill:#9198a1}.b{stroke:#767e88}.a{stroke:#3fb950}}`;

/**
 * Draws one or two waveforms, one above the other on one time axis and one amplitude scale, as a self-contained SVG
 * with a transparent background that suits light and dark pages.
 */
export function buildWaveformSvg(options: WaveformSvgOptions): string {
  const { before, after, title = "Waveform", widthPx = 960, rowHeightPx = 120 } = options;
  const labels = options.labels ?? (after === undefined ? { before: "" } : { before: "Before", after: "After" });
  const labelled = labels.before !== "" || (labels.after ?? "") !== "";
  const leftPx = labelled ? gutterPx : 0;
  const plotPx = widthPx - leftPx;
  const rows = after === undefined ? [before] : [before, after];
  const seconds = Math.max(...rows.map(secondsOf));
  const scale = rowHeightPx / 2 / Math.max(...rows.map(loudest), 1 / 128);

  const drawn = rows.map((peaks, row) => {
    const middle = row * (rowHeightPx + gapPx) + rowHeightPx / 2;
    const bars = buildBars(peaks, { leftPx, plotPx, middle, scale, seconds });
    const name = row === 0 ? labels.before : (labels.after ?? "");
    const text = name === "" ? "" : `<text x="0" y="${middle + 4}">${escapeXml(name)}</text>`;
    const line = `<path class="l" d="M${leftPx} ${middle}H${widthPx}"/>`;
    return `${text}${line}<path class="${row === 0 ? "b" : "a"}" stroke-width="2" stroke-linecap="round" d="${bars}"/>`;
  });
  const bottom = rows.length * (rowHeightPx + gapPx) - gapPx;
  const axis = buildAxis(seconds, leftPx, plotPx, bottom);
  const box = `0 0 ${widthPx} ${bottom + axisPx}`;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="${box}" width="${widthPx}" height="${bottom + axisPx}" role="img" aria-label="${escapeXml(title)}"><title>${escapeXml(title)}</title><style>${style}</style>${drawn.join("")}${axis}</svg>\n`;
}

interface BarPlace {
  readonly leftPx: number;
  readonly plotPx: number;
  readonly middle: number;
  /** Pixels of half a row over full scale. */
  readonly scale: number;
  readonly seconds: number;
}

/** One vertical bar each 3 px: the lowest and highest value of the time it covers. */
function buildBars(peaks: Peaks, place: BarPlace): string {
  const pixelsPerBar = (place.seconds * peaks.sampleRateHz * barPitchPx) / (peaks.samplesPerPixel * place.plotPx);
  const full = fullScale(peaks);
  let path = "";
  for (let bar = 0; (bar + 0.5) * barPitchPx <= place.plotPx; bar++) {
    const from = Math.floor(bar * pixelsPerBar);
    const to = Math.min(peaks.length, Math.max(from + 1, Math.floor((bar + 1) * pixelsPerBar)));
    if (from >= peaks.length) break;
    const { low, high } = extentOf(peaks, from, to);
    const top = place.middle - (high / full) * place.scale;
    const bottom = place.middle - (low / full) * place.scale;
    const x = place.leftPx + (bar + 0.5) * barPitchPx;
    path += `M${x} ${round(top)}V${round(Math.max(bottom, top + 0.1))}`;
  }
  return path;
}

/** Marks at the round step that gives at most eight of them. */
function buildAxis(seconds: number, leftPx: number, plotPx: number, y: number): string {
  const steps = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600];
  const step = steps.find((candidate) => seconds / candidate <= 8) ?? Math.ceil(seconds / 8 / 3_600) * 3_600;
  let marks = "";
  for (let mark = 0; seconds > 0 && mark * step <= seconds; mark++) {
    const x = round(leftPx + (mark * step * plotPx) / seconds);
    const anchor = x > leftPx + plotPx - 20 ? "end" : mark === 0 ? "start" : "middle";
    marks += `<text x="${x}" y="${y + axisPx - 6}" text-anchor="${anchor}">${formatTime(mark * step, step)}</text>`;
  }
  return marks;
}

function formatTime(seconds: number, step: number): string {
  if (step < 1) return `${seconds.toFixed(1)} s`;
  const minutes = Math.floor(seconds / 60);
  return `${minutes}:${String(Math.round(seconds - minutes * 60)).padStart(2, "0")}`;
}

const secondsOf = (peaks: Peaks): number => (peaks.length * peaks.samplesPerPixel) / peaks.sampleRateHz;

function loudest(peaks: Peaks): number {
  const { low, high } = extentOf(peaks, 0, peaks.length);
  return Math.max(high, -low) / fullScale(peaks);
}

function extentOf(peaks: Peaks, from: number, to: number): { low: number; high: number } {
  let low = 0;
  let high = 0;
  for (let at = from * 2; at < to * 2; at++) {
    const value = peaks.data[at] ?? 0;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return { low, high };
}

const fullScale = (peaks: Peaks): number => (peaks.bits === 8 ? 128 : 32_768);

const round = (value: number): number => Math.round(value * 10) / 10;

const escapeXml = (text: string): string => text.replace(/[&<>"]/g, (sign) => `&#${sign.codePointAt(0)};`);
