import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));

test("fails when the table of traps names a test that is gone", () => {
  const rows = readFileSync(join(root, "docs/media-traps.md"), "utf8")
    .split("\n")
    .filter((line) => line.startsWith("| "));
  const named = rows.flatMap((row) => {
    const tests = [...row.matchAll(/`(tests\/[^`]+)`|"([^"]+)"/g)];
    let file = "";
    return tests.flatMap(([, path, name]) => {
      file = path ?? file;
      return name === undefined ? [] : [{ file, name }];
    });
  });
  expect(named.length).toBeGreaterThanOrEqual(20);
  const gone = named.filter(({ file, name }) => !readFileSync(join(root, file), "utf8").includes(name));
  expect(gone).toEqual([]);
});
