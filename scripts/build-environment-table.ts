import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { environmentNames, settings } from "../config/environment-settings.ts";

const readme = fileURLToPath(new URL("../README.md", import.meta.url));
const begin = "<!-- environments: made by `npm run build:environments` -->";
const end = "<!-- /environments -->";

/** One row a setting: what it is in each environment, and the variable that changes it. */
export function buildEnvironmentTable(): string {
  const rows = Object.entries(settings).map(([name, { variable, values, what }]) => {
    const shown = environmentNames.map((environment) => showValue(values[environment]));
    // One value everywhere is read faster than the same four times.
    const cells = new Set(shown).size === 1 ? [shown[0], "″", "″", "″"] : shown;
    return `| \`${name}\` | ${cells.join(" | ")} | \`${variable}\` | ${what} |`;
  });
  const head = `| setting | ${environmentNames.join(" | ")} | variable | what |\n|---|---|---|---|---|---|---|`;
  return `${head}\n${rows.join("\n")}`;
}

const showValue = (value: unknown): string => {
  if (value === "" || (Array.isArray(value) && value.length === 0)) return "–";
  return String(value).replaceAll(",", ", ");
};

/** The README with the table of today in its place. @throws Error when it has no place for one */
export function renewReadme(text: string): string {
  const from = text.indexOf(begin);
  const to = text.indexOf(end);
  if (from < 0 || to < from) throw new Error(`README.md has no place for the table: ${begin} … ${end}`);
  return `${text.slice(0, from)}${begin}\n${buildEnvironmentTable()}\n${text.slice(to)}`;
}

if (process.argv[1] === readme.replace(/README\.md$/, "scripts/build-environment-table.ts")) {
  writeFileSync(readme, renewReadme(readFileSync(readme, "utf8")));
}
