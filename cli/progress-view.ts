/** What is needed of a stream to talk to a person. */
export interface TextStream {
  write(text: string): unknown;
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
}

export interface ProgressView {
  show(label: string, phase: string, percent: number): void;
  /** Takes the bar away, so that a line can be written; it comes back with the next `show`. */
  clear(): void;
  /** Also forgets how far things were. */
  end(): void;
}

const redrawMs = 80;
const barCells = 24;
/** Without a terminal: a line at each new phase and at these steps, but one a second at most; what is short needs none. */
const lineStepPercent = 10;
const lineMs = 1_000;

/** One bar that is drawn over on a terminal; plain lines elsewhere. */
export function createProgressView(
  stream: TextStream,
  onTerminal: boolean,
  now = () => performance.now(),
): ProgressView {
  let drawn = false;
  let drawnAt: number | null = null;
  let last = "";
  const clear = (): void => {
    if (drawn) stream.write("\r\x1b[2K");
    drawn = false;
  };
  return {
    show(label, phase, percent) {
      if (!onTerminal) {
        drawnAt ??= now();
        const step = Math.floor(percent / lineStepPercent) * lineStepPercent;
        const line = step === 0 ? `${label}: ${phase}` : `${label}: ${phase}, ${step} %`;
        if (line === last || now() - drawnAt < lineMs) return;
        drawnAt = now();
        stream.write(`${line}\n`);
        last = line;
        return;
      }
      if (drawnAt !== null && now() - drawnAt < redrawMs && percent < 100) return;
      drawnAt = now();
      clear();
      // Some terminals do not know their width and say 0.
      stream.write(buildBar(label, phase, percent, stream.columns || 80));
      drawn = true;
    },
    clear,
    end() {
      clear();
      last = "";
      drawnAt = null;
    },
  };
}

/** `talk.mp3  processing  ━━━━━━────── 42 %`, never wider than the terminal. */
export function buildBar(label: string, phase: string, percent: number, columns: number): string {
  const cells = Math.max(0, Math.min(barCells, columns - 40));
  const full = Math.round((Math.min(100, Math.max(0, percent)) / 100) * cells);
  const tail = `  ${phase.padEnd(11)} ${"━".repeat(full)}${"─".repeat(cells - full)} ${String(Math.floor(percent)).padStart(3)} %`;
  const room = Math.max(0, columns - 1 - tail.length);
  const shown = label.length <= room ? label : `${label.slice(0, Math.max(0, room - 1))}…`;
  return (shown + tail).slice(0, Math.max(0, columns - 1));
}
