import { expect, test } from "vitest";
import { limits } from "../../../../core/limits.ts";
import { buildLaunchPrefix, parseHardLimits } from "../../../../worker/process/launch-prefix.ts";

const none = parseHardLimits("");
const both = { setpriv: "/usr/bin/setpriv", prlimit: "/usr/bin/prlimit" };

test("fails when a child is not bound to its parent and to every limit", () => {
  expect(
    buildLaunchPrefix({ cpuSeconds: 60, fileBytes: 1e9, addressSpaceBytes: 2e9, openFiles: 99 }, both, none),
  ).toEqual([
    ...["/usr/bin/setpriv", "--pdeathsig", "KILL", "--"],
    ...["/usr/bin/prlimit", "--cpu=60:65", "--fsize=1000000000", "--as=2000000000", "--nofile=99", "--"],
  ]);
});

test("fails when more is asked for than our own hard limits allow, which prlimit would refuse", () => {
  const own = parseHardLimits(
    [
      "Limit                     Soft Limit           Hard Limit           Units     ",
      "Max cpu time              unlimited            600                  seconds   ",
      "Max file size             unlimited            unlimited            bytes     ",
      "Max address space         unlimited            4294967296           bytes     ",
      "Max open files            256                  512                  files     ",
    ].join("\n"),
  );
  expect(buildLaunchPrefix(limits.childProcess, { ...both, setpriv: null }, own)).toEqual([
    "/usr/bin/prlimit",
    "--cpu=600:600",
    `--fsize=${limits.childProcess.fileBytes}`,
    "--as=4294967296",
    "--nofile=512",
    "--",
  ]);
});

test("fails when a system without the launchers gets a prefix", () => {
  expect(buildLaunchPrefix(limits.childProcess, { setpriv: null, prlimit: null }, none)).toEqual([]);
});
