import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/**
 * Compiles worker/kernels/*.as (AssemblyScript, 128-bit SIMD) into worker/kernels/kernel-code.ts. Run it after a change of
 * these; the compiler is fetched for that alone, so that nothing else has to have it.
 */
const compiler = "assemblyscript@0.28.20";
const folder = fileURLToPath(new URL("../worker/kernels/", import.meta.url));
const entries = ["cancel", "denoise", "integers", "limit", "loudness", "notch", "survey"];

const work = mkdtempSync(join(tmpdir(), "mixdown-kernels-"));
try {
  const sources = readdirSync(folder).filter((name) => name.endsWith(".as"));
  for (const name of sources) copyFileSync(join(folder, name), join(work, name.replace(/\.as$/, ".ts")));
  const compiled = entries.map((entry) => {
    const args = [`${entry}.ts`, "-o", `${entry}.wasm`, "-O3", "--noAssert", "--runtime", "stub", "--enable", "simd"];
    args.push("--importMemory");
    execFileSync("npx", ["--yes", "-p", compiler, "asc", ...args], { cwd: work, stdio: "inherit" });
    return `export const ${entry}Code =\n  "${readFileSync(join(work, `${entry}.wasm`)).toString("base64")}";`;
  });
  const hash = createHash("sha256");
  for (const name of sources.sort()) hash.update(readFileSync(join(folder, name)));
  const head = "// Compiled from the .as files beside it by scripts/build-kernels.ts; not to be edited.";
  const witness = `/** SHA-256 of those files. */\nexport const kernelSources = "${hash.digest("hex")}";`;
  writeFileSync(join(folder, "kernel-code.ts"), `${[head, witness, ...compiled].join("\n")}\n`);
} finally {
  rmSync(work, { recursive: true, force: true });
}
