import { mkdirSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { composeIntro, composeMusicBed } from "./demo-assets/music.ts";
import { recordInRoom } from "./demo-assets/room.ts";
import { encode, speak } from "./demo-assets/tools.ts";

// Makes assets/demo/ again: `npx node scripts/make-demo-assets.ts [FOLDER]`. Needs espeak-ng and ffmpeg on the PATH.
// Noise and music are computed from fixed seeds; the rest is as repeatable as espeak-ng and the encoders are.

const folder = resolve(process.argv[2] ?? "assets/demo");
mkdirSync(folder, { recursive: true });

const pause = '<break time="450ms"/>';

const parts = [
  {
    name: "narration-1.flac",
    sampleRateHz: 48_000,
    codec: ["-c:a", "flac", "-compression_level", "12", "-sample_fmt", "s16"],
    speech: {
      text: `Most recordings are made in a room, and the room is in the recording.${pause} There is the fan, there is the hum of a lamp, and one voice is louder than the next.${pause} Mixdown takes them out.`,
      voice: "en-gb-x-rp",
      wordsPerMinute: 148,
      pitch: 40,
    },
    room: { seed: 1, noiseSnrDb: 15, humSnrDb: 20, humHz: 50, pinkShare: 0.5, marginSeconds: 0.7, voiceDbfs: -23 },
  },
  {
    name: "narration-2.m4a",
    sampleRateHz: 44_100,
    codec: ["-c:a", "aac", "-b:a", "128k", "-movflags", "+faststart"],
    speech: {
      text: `Then it joins the parts, to the sample, and brings them to one level.${pause} What it has changed, it measures on the finished file.${pause} So you can listen to the result, and you can also read it.`,
      voice: "en-us+f2",
      wordsPerMinute: 152,
      pitch: 46,
    },
    room: { seed: 2, noiseSnrDb: 15, humSnrDb: 24, humHz: 50, pinkShare: 0.8, marginSeconds: 0.7, voiceDbfs: -28 },
  },
];

for (const { name, sampleRateHz, codec, speech, room } of parts) {
  const voice = speak(speech, sampleRateHz);
  encode(join(folder, name), [recordInRoom(voice, { sampleRateHz, ...room })], sampleRateHz, codec);
}
encode(join(folder, "intro.mp3"), composeIntro(48_000), 48_000, ["-c:a", "libmp3lame", "-b:a", "128k"]);
encode(join(folder, "music-bed.opus"), composeMusicBed(48_000), 48_000, ["-c:a", "libopus", "-b:a", "96k"]);

for (const name of [...parts.map((part) => part.name), "intro.mp3", "music-bed.opus"]) {
  console.log(`${name}  ${statSync(join(folder, name)).size} bytes`);
}
