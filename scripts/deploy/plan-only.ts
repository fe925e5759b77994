import { say, withHeartbeat } from "./say.ts";
import { summarizePlan } from "./summarize-plan.ts";
import type { Terraform } from "./terraform.ts";
import type { Stack } from "./workspace.ts";

/**
 * Says what each stack's plan would do. Takes no lock and changes nothing.
 * @returns a line for each stack
 */
export async function planOnly(stacks: readonly Stack[], terraform: Terraform): Promise<string> {
  say("Plans");
  const standing = new Set<string>();
  for (const stack of stacks) if (await terraform.stands(stack)) standing.add(stack.part);
  const lines: string[] = [];
  for (const stack of stacks) {
    const absent = stack.needs.filter((need) => !standing.has(need));
    if (absent.length > 0) {
      // Its plan would read outputs that nobody has made.
      lines.push(`${stack.part}: not planned; it reads from what does not stand yet (${absent.join(", ")})`);
      continue;
    }
    try {
      const plan = await withHeartbeat(`planning ${stack.part}`, () => terraform.plan(stack, { readOnly: true }));
      const { counts, warnings } = summarizePlan(plan);
      lines.push([`${stack.part}: ${counts}`, ...warnings.map((warning) => `  ${warning}`)].join("\n"));
    } finally {
      terraform.forgetPlan(stack);
    }
  }
  say("Nothing was changed.");
  return lines.join("\n");
}
