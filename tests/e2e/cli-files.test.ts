import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, linkSync, lstatSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { durationOf, type RunOptions, run, useFolder } from "./cli-fixtures.ts";

const folder = useFolder();
const cli = (args: readonly string[], options: RunOptions = {}) => run(args, { cwd: folder.dir, ...options });

test("fails when several inputs do not become one output each in a folder", async () => {
  folder.put("talk.mp3");
  folder.put("talk.mp3", "other.mp3");
  const { code } = await cli(["clean", "talk.mp3", "other.mp3", "-o", "out/"]);
  expect(code).toBe(0);
  expect(folder.list()).toEqual(["other.mp3", "out", "talk.mp3"]);
  for (const name of ["talk.mp3", "other.mp3"]) expect(durationOf(folder.at(`out/${name}`))).toBeCloseTo(3, 1);
});

test("fails when one bad input keeps the others from being done, or is not told", async () => {
  folder.put("talk.wav", "a.wav");
  folder.put("talk.wav", "c.wav");
  writeFileSync(folder.at("b.wav"), "");
  mkdirSync(folder.at("out"));
  const { code, stdout, stderr } = await cli(["clean", "a.wav", "b.wav", "gone.wav", "c.wav", "-o", "out", "--json"]);
  expect(code).toBe(3);
  expect(stderr).toMatch(/error: b\.wav is empty/);
  const { status, results, error } = JSON.parse(stdout);
  expect(status).toBe("failed");
  expect(results.map((result: { input: string; status: string }) => [result.input, result.status])).toEqual([
    ["a.wav", "succeeded"],
    ["b.wav", "failed"],
    ["gone.wav", "failed"],
    ["c.wav", "succeeded"],
  ]);
  expect(error.code).toBe("input_empty");
  expect(results[2].error.code).toBe("input_not_found");
  expect(execFileSync("ls", ["-A", folder.at("out")]).toString()).toBe("a.wav\nc.wav\n");
});

test("fails when no -o is not NAME.clean.EXT beside the input, said on stderr", async () => {
  mkdirSync(folder.at("deep"));
  folder.put("talk.mp3", "deep/talk.mp3");
  const { code, stderr } = await cli(["clean", "deep/talk.mp3"]);
  expect(code).toBe(0);
  expect(stderr).toContain("deep/talk.clean.mp3");
  expect(execFileSync("ls", ["-A", folder.at("deep")]).toString()).toBe("talk.clean.mp3\ntalk.mp3\n");
});

test("fails when OUT may be IN, or its folder missing, or anything is touched", async () => {
  folder.put("talk.wav");
  symlinkSync("talk.wav", folder.at("soft.wav"));
  linkSync(folder.at("talk.wav"), folder.at("hard.wav"));
  const before = readFileSync(folder.at("talk.wav"));
  const lines: [string[], RegExp][] = [
    [["clean", "talk.wav", "-o", "talk.wav"], /is the input/],
    [["clean", "talk.wav", "-o", "soft.wav"], /is the input/],
    [["clean", "talk.wav", "-o", "hard.wav"], /is the input/],
    [["clean", "talk.wav", "-o", "."], /is the input/],
    [["stitch", "talk.wav", "soft.wav", "-o", "hard.wav"], /is the input/],
    [["clean", "talk.wav", "-o", "missing/out.wav"], /folder missing does not exist/],
    [["clean", "talk.wav", "hard.wav", "-o", "one.wav"], /2 inputs cannot all become one\.wav/],
    [["clean", "talk.wav", "talk.wav", "-o", "new/"], /would both become/],
    [["clean", "talk.wav", "-o", "out.xyz"], /\.wav, \.flac, \.mp3, \.m4a, \.opus/],
    [["clean", "https://a.example/talk.wav"], /nothing is fetched/],
    [["stitch", "talk.wav", "s3://bucket/talk.wav", "-o", "out.wav"], /nothing is fetched/],
  ];
  for (const [args, sentence] of lines) {
    const { code, stdout, stderr } = await cli(args);
    expect([code, stdout], args.join(" ")).toEqual([2, ""]);
    expect(stderr).toMatch(sentence);
    expect(stderr.trim().split("\n"), args.join(" ")).toHaveLength(1);
  }
  expect(folder.list()).toEqual(["hard.wav", "soft.wav", "talk.wav"]);
  expect(readFileSync(folder.at("talk.wav")).equals(before)).toBe(true);
  expect(lstatSync(folder.at("soft.wav")).isSymbolicLink()).toBe(true);
});

test("fails when an input that is missing, a folder, empty or no media is not input (3), with nothing left", async () => {
  mkdirSync(folder.at("dir.wav"));
  writeFileSync(folder.at("empty.wav"), "");
  writeFileSync(folder.at("text.mp3"), "dear diary\n".repeat(99));
  writeFileSync(folder.at("list.mp3"), "#EXTM3U\nfile:///etc/passwd\n");
  const before = folder.list();
  for (const name of ["gone.wav", "dir.wav", "empty.wav", "text.mp3", "list.mp3"]) {
    const { code, stderr } = await cli(["clean", name, "-o", "out.wav"]);
    expect(code, name).toBe(3);
    expect(stderr, name).toMatch(new RegExp(`^error: ${name.replace(".", "\\.")} .*\\.\\n$`, "m"));
  }
  expect(folder.list()).toEqual(before);
});

test("fails when a failure changes the output that stood there", async () => {
  writeFileSync(folder.at("noise.mp3"), "no media at all, but long enough to look at");
  writeFileSync(folder.at("out.wav"), "precious");
  expect((await cli(["clean", "noise.mp3", "-o", "out.wav"])).code).toBe(3);
  expect(readFileSync(folder.at("out.wav"), "utf8")).toBe("precious");
  expect(folder.list()).toEqual(["noise.mp3", "out.wav"]);
});

test("fails when a success does not replace the old output, its permissions kept, through its link", async () => {
  folder.put("talk.wav");
  mkdirSync(folder.at("real"));
  writeFileSync(folder.at("real/out.wav"), "old");
  chmodSync(folder.at("real/out.wav"), 0o640);
  symlinkSync("real/out.wav", folder.at("out.wav"));
  expect((await cli(["clean", "talk.wav", "-o", "out.wav"])).code).toBe(0);
  expect(lstatSync(folder.at("out.wav")).isSymbolicLink()).toBe(true);
  expect(statSync(folder.at("real/out.wav")).mode & 0o777).toBe(0o640);
  expect(durationOf(folder.at("real/out.wav"))).toBeCloseTo(3, 2);
});

test("fails when spaces, unicode, quotes or a leading dash in names do not work", async () => {
  const names = [
    "two words.wav",
    `it's "quoted" & $HOME.wav`,
    "Ünïcödé 音声 🎙.wav",
    "new\nline.wav",
    "100%03d.wav",
    "[a]*?.wav",
    "a:b,c;d.wav",
  ];
  for (const name of names) {
    folder.put("talk.wav", name);
    expect((await cli(["clean", name, "-o", `out ${name}`])).code, name).toBe(0);
    expect(durationOf(folder.at(`out ${name}`)), name).toBeCloseTo(3, 2);
  }
  folder.put("talk.wav", "-o.wav");
  expect((await cli(["clean", "-o", "dash.wav", "--", "-o.wav"])).code).toBe(0);
  expect((await cli(["stitch", "-o", "./-out.wav", "--", "-o.wav", names[0] ?? ""])).code).toBe(0);
  expect(durationOf(folder.at("-out.wav"))).toBeCloseTo(6, 2);
});

test("fails when stdin and stdout are not usable in a pipe", async () => {
  folder.put("talk.wav");
  const input = readFileSync(folder.at("talk.wav"));
  const { code, stdoutBytes, stderr } = await cli(["clean", "-", "-o", "-", "--format", "flac"], { input });
  expect(code).toBe(0);
  expect(stdoutBytes.subarray(0, 4).toString()).toBe("fLaC");
  expect(stderr).toMatch(/loudness/);
  writeFileSync(folder.at("piped.flac"), stdoutBytes);
  expect(durationOf(folder.at("piped.flac"))).toBeCloseTo(3, 2);
  expect((await cli(["probe", "-"], { input })).stdout).toMatch(/pcm_s16le, 44100 Hz, mono/);
  expect(await cli(["clean", "-", "-o", "x.wav"], { input: Buffer.alloc(0) })).toMatchObject({ code: 3, stdout: "" });
});

test("fails when stdout gets anything of a run that failed, or both a file and a document", async () => {
  writeFileSync(folder.at("text.mp3"), "no media");
  folder.put("talk.wav");
  expect(await cli(["clean", "text.mp3", "-o", "-"])).toMatchObject({ code: 3, stdout: "" });
  expect((await cli(["clean", "talk.wav", "-o", "-", "--json"])).code).toBe(2);
});

test("fails when a reader that leaves early makes it crash", () => {
  folder.put("talk.wav");
  const entry = new URL("../../cli/mixdown.js", import.meta.url).pathname;
  const line = `set -o pipefail; "${process.execPath}" "${entry}" clean talk.wav -o - | head -c 10 | wc -c`;
  const { status, stdout, stderr } = spawnSync("bash", ["-c", line], { cwd: folder.dir });
  expect([status, stdout.toString().trim()]).toEqual([0, "10"]);
  expect(stderr.toString()).not.toMatch(/EPIPE|at .*:\d+:\d+/);
});

test("fails when stderr that nobody reads any more ends the work", () => {
  folder.put("talk.wav");
  const entry = new URL("../../cli/mixdown.js", import.meta.url).pathname;
  const line = `("${process.execPath}" "${entry}" clean talk.wav -o out.wav; echo $? > code) 2>&1 >/dev/null | true`;
  spawnSync("bash", ["-c", line], { cwd: folder.dir });
  expect(readFileSync(folder.at("code"), "utf8").trim()).toBe("0");
  expect(durationOf(folder.at("out.wav"))).toBeCloseTo(3, 2);
});

test("fails when a full disk is not one sentence and 1, or leaves something", async () => {
  folder.put("talk.wav");
  const full = await cli(["clean", "talk.wav", "-o", "/dev/full", "--format", "wav"]);
  expect(full).toMatchObject({ code: 1, stdout: "", stderr: expect.stringMatching(/^error: The disk is full/m) });
  expect(folder.list()).toEqual(["talk.wav"]);
  expect(statSync("/dev/full").isCharacterDevice()).toBe(true);
});

const canMount = spawnSync("unshare", ["-rm", "mount", "-t", "tmpfs", "none", "/mnt"]).status === 0;

test.skipIf(!canMount)(
  "fails when a small disk that fills up in the middle leaves something (needs a mount of our own)",
  () => {
    folder.put("talk.wav");
    mkdirSync(folder.at("small"));
    const entry = new URL("../../cli/mixdown.js", import.meta.url).pathname;
    const script = `mount -t tmpfs -o size=128k none small && "$0" "$1" clean talk.wav -o small/out.wav; echo "code $?"; ls -A small`;
    const { stdout, stderr } = spawnSync("unshare", ["-rm", "bash", "-c", script, process.execPath, entry], {
      cwd: folder.dir,
    });
    expect(stdout.toString()).toBe("code 1\n");
    expect(stderr.toString()).toMatch(/error: The disk is full/);
  },
);

/** root may write everywhere, so as root these run as nobody. */
const isRoot = process.getuid?.() === 0;
const asUser = (args: readonly string[]) => {
  const entry = new URL("../../cli/mixdown.js", import.meta.url).pathname;
  const plain = [process.execPath, entry];
  const command = isRoot ? ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--", ...plain] : plain;
  return cli(args, { command, env: { MIXDOWN_CACHE_DIR: folder.at("cache") } });
};

test("fails when a place that may not be written to is not one sentence and 3", async () => {
  folder.put("talk.wav");
  chmodSync(folder.dir, 0o755);
  for (const name of ["closed", "open"]) mkdirSync(folder.at(name));
  writeFileSync(folder.at("open/kept.wav"), "kept");
  chmodSync(folder.at("closed"), 0o555);
  chmodSync(folder.at("open"), 0o777);
  chmodSync(folder.at("open/kept.wav"), 0o444);
  for (const out of ["closed/out.wav", "closed/new/", "open/kept.wav"]) {
    const { code, stdout, stderr } = await asUser(["clean", "talk.wav", "-o", out]);
    expect([code, stdout], out).toEqual([3, ""]);
    expect(stderr, out).toMatch(/^error: .* cannot be written to \(EACCES\)\. .*\n$/);
  }
  expect(readFileSync(folder.at("open/kept.wav"), "utf8")).toBe("kept");
  expect(execFileSync("ls", ["-A", folder.at("closed"), folder.at("open")]).toString()).not.toContain(".mixdown");
});

test("fails when an input that may not be read is not one sentence and 3", async () => {
  folder.put("talk.wav");
  chmodSync(folder.dir, 0o777);
  chmodSync(folder.at("talk.wav"), 0o000);
  const { code, stderr } = await asUser(["clean", "talk.wav", "-o", "out.wav"]);
  expect(code).toBe(3);
  expect(stderr).toMatch(/^error: talk\.wav cannot be opened \(EACCES\)\.\n$/m);
});
