import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { makeBundles } from "../../fixtures/empty-bundles.ts";
import { measureRun } from "../measure-run.ts";
import type { Row } from "../row.ts";

const synthOnce = fileURLToPath(new URL("../synth-once.ts", import.meta.url));

/** All stacks with every optional part, from the start of Node to the last file; functions are empty. */
export const synth: Row = {
  name: "synth",
  work: "write the Terraform JSON of all stacks of the environment `test`, held to every policy",
  bar: { type: "time", atMostMs: 3_000 },
  async prepare({ folder }) {
    const bundles = makeBundles(join(folder, "bundles"));
    return {
      ours: {
        name: "synth",
        run: (round) => measureRun([process.execPath, synthOnce, bundles, join(folder, `out-${round}`)]),
      },
    };
  },
};
