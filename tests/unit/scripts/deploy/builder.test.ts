import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { findBuilder } from "../../../../scripts/deploy/builder.ts";
import { listenForInterrupt } from "../../../../scripts/deploy/interrupt.ts";

/** Of a machine that has these tools, each a script. */
function find(wanted: "docker" | "buildah" | undefined, tools: Readonly<Record<string, string>>) {
  const folder = mkdtempSync(join(tmpdir(), "mixdown-builder-"));
  const interrupt = listenForInterrupt();
  onTestFinished(() => {
    interrupt.close();
    rmSync(folder, { recursive: true, force: true });
  });
  for (const [name, script] of Object.entries(tools)) {
    writeFileSync(join(folder, name), `#!/bin/sh\n${script}\n`);
    chmodSync(join(folder, name), 0o755);
  }
  return findBuilder(wanted, { env: { PATH: folder }, logFile: join(folder, "images.log"), interrupt });
}

/** As Docker 26 behaves: `info` ends well, and says beside it that no daemon answers. */
const withoutDaemon = `[ "$1" = info ]`;

test.each([
  ["docker", undefined, { docker: "exit 0", buildah: "exit 0" }],
  ["buildah", undefined, { docker: withoutDaemon, buildah: "exit 0" }],
  ["buildah", undefined, { buildah: "exit 0" }],
  ["buildah", "buildah", { docker: "exit 0", buildah: "exit 0" }],
] as const)("fails when %s does not build where %s is wanted among %j", async (name, wanted, tools) => {
  expect((await find(wanted, tools)).name).toBe(name);
});

test.each([
  ["neither answers", undefined, { docker: withoutDaemon }, "Neither Docker's daemon nor buildah answers"],
  ["the one that is wanted does not", "docker", { docker: withoutDaemon, buildah: "exit 0" }, "docker does not answer"],
] as const)("fails when something else builds although %s", async (_what, wanted, tools, said) => {
  const refused = expect(find(wanted, tools)).rejects;
  await refused.toMatchObject({ code: "platform_tool_missing", message: expect.stringContaining(said) });
});
