import { expect, test } from "vitest";
import { buildChecks, type DoctorFacts } from "../../../cli/doctor-checks.ts";

const tool = { path: "/usr/bin/ffmpeg", version: "5.1.9", rung: "system" } as const;
const filters = new Set("aformat aresample asetnsamples asplit atrim pan volume volumedetect".split(" "));
const encoders = new Set(["pcm_s16le", "flac", "aac", "libmp3lame", "libopus"]);
const good: DoctorFacts = {
  nodeVersion: "24.1.0",
  toolchain: { ffmpeg: { ...tool, major: 5, filters, encoders }, ffprobe: { ...tool, path: "/usr/bin/ffprobe" } },
  toolchainFault: null,
  launchers: { setpriv: "/usr/bin/setpriv", prlimit: "/usr/bin/prlimit" },
  platform: "linux",
  folders: [{ name: "data", path: "/data", needed: true, fault: null, freeBytes: 50e9 }],
};
const statusOf = (facts: DoctorFacts, name: string) => buildChecks(facts).find((check) => check.name === name)?.status;

test("fails when a sound machine is not called one", () => {
  expect(buildChecks(good).map((check) => check.status)).toEqual(["ok", "ok", "ok", "ok", "ok", "ok", "ok"]);
});

test("fails when what does not work is not called a fault", () => {
  expect(statusOf({ ...good, nodeVersion: "22.9.0" }, "node")).toBe("fault");
  expect(statusOf({ ...good, toolchain: null, toolchainFault: "none" }, "ffmpeg")).toBe("fault");
  const folder = { name: "data", path: "/data", needed: true, fault: "read-only", freeBytes: null };
  expect(statusOf({ ...good, folders: [folder] }, "data")).toBe("fault");
});

test("fails when what only works worse is called a fault, or fine", () => {
  const { toolchain } = good;
  if (toolchain === null) throw new Error("the facts above have one");
  const bundled = { ...toolchain, ffmpeg: { ...toolchain.ffmpeg, rung: "bundled" as const } };
  expect(statusOf({ ...good, toolchain: bundled }, "ffmpeg")).toBe("warning");
  const named = { ...toolchain, ffmpeg: { ...toolchain.ffmpeg, rung: "env" as const, version: "4.2.7", major: 4 } };
  expect(statusOf({ ...good, toolchain: named }, "ffmpeg")).toBe("warning");
  const deaf = { ...toolchain, ffmpeg: { ...toolchain.ffmpeg, encoders: new Set(["pcm_s16le", "flac", "aac"]) } };
  expect(statusOf({ ...good, toolchain: deaf }, "encoders")).toBe("warning");
  expect(statusOf({ ...good, launchers: { setpriv: null, prlimit: null } }, "processes")).toBe("warning");
  const folder = { name: "cache", path: "/c", needed: false, fault: null, freeBytes: 1e6 };
  expect(statusOf({ ...good, folders: [folder] }, "cache")).toBe("warning");
  expect(statusOf({ ...good, folders: [{ ...folder, fault: "read-only" }] }, "cache")).toBe("warning");
});
