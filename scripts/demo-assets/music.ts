import type { Channel } from "./tools.ts";

/** MIDI note numbers. D major seventh, B minor, G major seventh, A suspended: a circle that needs no resolution. */
const chords: readonly (readonly number[])[] = [
  [50, 57, 61, 66],
  [47, 54, 59, 62],
  [43, 55, 59, 66],
  [45, 52, 57, 62],
];
const chordSeconds = 3.75;

interface Note {
  readonly midi: number;
  readonly startSeconds: number;
  readonly seconds: number;
  readonly gain: number;
  /** Falls off from the attack (a plucked string), or stays and fades (a pad). */
  readonly shape: "pluck" | "pad";
}

/** A soft pad with a quiet arpeggio over eight chords: 30 s that can lie under a voice. Left and right. */
export function composeMusicBed(sampleRateHz: number): readonly [Channel, Channel] {
  const notes: Note[] = [];
  for (let bar = 0; bar < 8; bar++) {
    const chord = chords[bar % chords.length] ?? [];
    const startSeconds = bar * chordSeconds;
    for (const midi of chord) notes.push({ midi, startSeconds, seconds: chordSeconds + 0.8, gain: 0.1, shape: "pad" });
    for (let step = 0; step < 8; step++) {
      const midi = 12 + (chord[[0, 2, 1, 3, 2, 3, 1, 2][step] ?? 0] ?? 60);
      const gain = step % 4 === 0 ? 0.07 : 0.045;
      notes.push({ midi, startSeconds: startSeconds + (step * chordSeconds) / 8, seconds: 1.6, gain, shape: "pluck" });
    }
  }
  return render(notes, 30, sampleRateHz, 2);
}

/** Four rising notes and a chord that rings: the four seconds before a voice begins. Left and right. */
export function composeIntro(sampleRateHz: number): readonly [Channel, Channel] {
  const rise = [62, 66, 69, 74].map(
    (midi, step): Note => ({ midi, startSeconds: step * 0.22, seconds: 2, gain: 0.2, shape: "pluck" }),
  );
  const ring = [50, 62, 69, 73, 78].map(
    (midi): Note => ({ midi, startSeconds: 0.88, seconds: 3.1, gain: 0.13, shape: "pluck" }),
  );
  return render([...rise, ...ring], 4, sampleRateHz, 0.6);
}

function render(
  notes: readonly Note[],
  seconds: number,
  sampleRateHz: number,
  fadeSeconds: number,
): readonly [Channel, Channel] {
  const length = Math.round(seconds * sampleRateHz);
  // A cent or two apart, the two sides beat slowly against each other; that is what makes them wide.
  const [left, right] = [-1.5, 1.5].map((cents) => {
    const channel = new Float32Array(length);
    for (const note of notes) play(channel, note, cents, sampleRateHz);
    return fade(channel, Math.round(fadeSeconds * sampleRateHz));
  });
  return [left ?? new Float32Array(length), right ?? new Float32Array(length)];
}

function play(channel: Channel, note: Note, cents: number, sampleRateHz: number): void {
  const { shape, gain, seconds } = note;
  const hertz = 440 * 2 ** ((note.midi - 69 + cents / 100) / 12);
  const from = Math.round(note.startSeconds * sampleRateHz);
  const until = Math.min(channel.length, from + Math.round(seconds * sampleRateHz));
  const partials = shape === "pluck" ? [1, 0.35, 0.12, 0.05] : [1, 0.25, 0.1];
  for (let at = from; at < until; at++) {
    const time = (at - from) / sampleRateHz;
    const left = seconds - time;
    let value = 0;
    for (const [index, level] of partials.entries()) {
      // Higher partials of a string die away sooner.
      const decay = shape === "pluck" ? Math.exp(-time * (1.8 + 1.6 * index)) : 1;
      value += level * decay * Math.sin(2 * Math.PI * hertz * (index + 1) * time);
    }
    const attack = Math.min(1, time / (shape === "pluck" ? 0.006 : 0.9));
    const release = Math.min(1, left / (shape === "pluck" ? 0.1 : 0.8));
    channel[at] = (channel[at] ?? 0) + gain * value * attack * release;
  }
}

function fade(channel: Channel, frames: number): Channel {
  return channel.map(
    (value, at) => value * Math.min(1, at / Math.min(frames, 480), (channel.length - 1 - at) / frames),
  );
}
