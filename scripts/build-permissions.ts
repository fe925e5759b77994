import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Grantee } from "../config/function-names.ts";
import { permissionTables, tidy } from "./permission-tables.ts";

/** Writes what the stacks read, and what a person reads, from the adapters' tables. */
export function buildPermissionFiles(): Readonly<Record<string, string>> {
  const tables = Object.entries(permissionTables).map(([name, table]) => [name as Grantee, tidy(table)] as const);
  const json = `${JSON.stringify(Object.fromEntries(tables), null, 2)}\n`;
  const rows = tables.flatMap(([name, table]) => {
    const byResource = Map.groupBy(table, ({ resource }) => resource);
    return [...byResource].map(([resource, granted]) => {
      const actions = granted.map(({ action }) => `\`${action}\``).join(", ");
      return `| \`${name}\` | ${actions} | ${resource} |`;
    });
  });
  return { "config/permissions.json": json, "docs/permissions.md": `${intro}${rows.join("\n")}\n${outro}` };
}

const intro = `# What each function may do

<!-- Made by \`npm run build:permissions\` from the tables beside the adapters; do not edit. -->

The policies of the roles are made from this table ([decision 0011](decisions/0011-permissions.md)). A resource is the one of
the same environment; \`table\` includes its indexes, \`raw\` and \`derived\` are the objects in those buckets.

| function | may | on |
|---|---|---|
`;

const outro = `
Every function may also write its own log group and send traces (X-Ray knows no resources). Those that a queue or a stream
calls may read it: \`invoker\` the queue, \`dead-letters\` the dead letters, \`events\` the table's stream; \`events\` and
\`uploads\` may put what they could not do into the queue \`undelivered\`. With a key of its own, an environment lets whoever
touches encrypted things use it (\`kms:Decrypt\`, \`kms:GenerateDataKey\`). \`iam:PassRole\` is bound to
\`ecs-tasks.amazonaws.com\` for the two roles of tasks, and to \`scheduler.amazonaws.com\` for that of schedules.

Roles that are nobody's function: \`execution\` fetches images and opens logs, \`deliveries\` calls \`webhooks\`, \`flow-log\`
writes flow logs, \`gpu-instance\` is ECS's agent, \`presign\` signs uploads and downloads for front ends.
`;

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const [path, text] of Object.entries(buildPermissionFiles())) {
    writeFileSync(fileURLToPath(new URL(`../${path}`, import.meta.url)), text);
  }
}
