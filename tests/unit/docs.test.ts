import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { commandLoaders } from "../../cli/command-table.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const documents = ["README.md", "CONTRIBUTING.md", ...listMarkdown("docs")].map(
  (path) => [path, readFileSync(join(root, path), "utf8")] as const,
);

function listMarkdown(folder: string): readonly string[] {
  return readdirSync(join(root, folder), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".md"))
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length));
}

const findAll = (text: string, pattern: RegExp): readonly string[] => [
  ...new Set([...text.matchAll(pattern)].map((match) => match[1] ?? "")),
];

test.each(documents)("fails when %s links to what is not there", (path, text) => {
  const targets = findAll(text, /\]\((?!https?:|#)([^)\s#]+)(?:#[^)]*)?\)/g);
  expect(targets.filter((target) => !existsSync(join(root, dirname(path), target)))).toEqual([]);
});

test.each(documents)("fails when %s names a command of mixdown that is not there", (_path, text) => {
  const named = findAll(text, /npx mixdown\s+([a-z][a-z-]*)/g);
  expect(named.filter((name) => !Object.hasOwn(commandLoaders, name))).toEqual([]);
});

const deployment = documents.filter(([path]) => /^docs\/[a-z-]+\.md$/.test(path));

test.each(deployment)("fails when %s names a variable or a file that is not there", (_path, text) => {
  const known = execFileSync("git", ["grep", "-ohE", "MIXDOWN_[A-Z_]+", "--", "config", ".github"], {
    cwd: root,
    encoding: "utf8",
  });
  const variables = new Set(known.split("\n"));
  expect(findAll(text, /\b(MIXDOWN_[A-Z_]+[A-Z])/g).filter((name) => !variables.has(name))).toEqual([]);
  const paths = findAll(text, /`((?:core|config|stacks|scripts|functions|adapters|worker|tests|\.github)\/[\w./-]+)`/g);
  expect(paths.filter((path) => !existsSync(join(root, path)))).toEqual([]);
});
