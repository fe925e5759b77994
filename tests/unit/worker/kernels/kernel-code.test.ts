import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { kernelSources } from "../../../../worker/kernels/kernel-code.ts";

const folder = fileURLToPath(new URL("../../../../worker/kernels/", import.meta.url));

test("fails when a kernel's source was changed and not compiled again (scripts/build-kernels.ts)", () => {
  const hash = createHash("sha256");
  const sources = readdirSync(folder).filter((name) => name.endsWith(".as"));
  for (const name of sources.sort()) hash.update(readFileSync(join(folder, name)));
  expect(kernelSources).toBe(hash.digest("hex"));
});
