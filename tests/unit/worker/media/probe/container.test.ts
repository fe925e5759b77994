import { expect, test } from "vitest";
import { countMissingWavBytes, detectContainer, detectScript } from "../../../../../worker/media/probe/container.ts";

const head = (text: string, length = 600) => Buffer.concat([Buffer.from(text, "latin1"), Buffer.alloc(length)]);

test("fails when a container is not known by its first bytes", () => {
  const cases: Record<string, string> = {
    "RIFF\0\0\0\0WAVE": "WAV",
    "RF64\xff\xff\xff\xffWAVE": "WAV",
    "RIFF\0\0\0\0AVI ": "AVI",
    "FORM\0\0\0\0AIFC": "AIFF",
    "\0\0\0\x20ftypM4A ": "MP4/QuickTime",
    "\0\0\x10\0moov": "MP4/QuickTime",
    "\xff\xfb\x90\x00": "MPEG audio",
    "\0\0\0\0\xff\xf1\x50\x80": "MPEG audio",
    "ID3\x04": "MPEG audio",
    "#!AMR-WB\n": "AMR",
  };
  for (const [bytes, label] of Object.entries(cases)) expect(detectContainer(head(bytes))?.label).toBe(label);
});

test("fails when text, pictures, programs or reserved MPEG headers pass for media", () => {
  const cases = [
    "#EXTM3U\n",
    "hello",
    "\x89PNG\r\n\x1a\n",
    "\xff\xd8\xff\xe0",
    "\x7fELF",
    "PK\x03\x04",
    "\xff\xff\xff\xff",
    "\xff\xe8\x90\0",
    "xxxxxxxxWAVE",
    "",
  ];
  for (const bytes of cases) expect(detectContainer(head(bytes))).toBeNull();
});

test("fails when what a playlist or script is cannot be said", () => {
  expect(detectScript(Buffer.from("\uFEFF  #EXTM3U\n"))).toContain("playlist");
  expect(detectScript(Buffer.from("ffconcat version 1.0"))).toContain("ffconcat");
  expect(detectScript(Buffer.from("just text"))).toBeNull();
});

test("fails when a missing end of a WAV is not counted, or a placeholder length is", () => {
  const wav = Buffer.concat([
    Buffer.from("RIFF____WAVELIST"),
    Buffer.from([3, 0, 0, 0, 1, 2, 3, 0]),
    Buffer.from("data____"),
  ]);
  wav.writeUInt32LE(1000, wav.length - 4);
  expect(countMissingWavBytes(wav, wav.length + 1000)).toBe(0);
  expect(countMissingWavBytes(wav, wav.length + 400)).toBe(600);
  wav.writeUInt32LE(0xffffffff, wav.length - 4);
  expect(countMissingWavBytes(wav, wav.length + 400)).toBe(0);
});
