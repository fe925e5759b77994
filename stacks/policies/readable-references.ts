import { type IAspect, TerraformOutput } from "cdktn";
import type { IConstruct } from "constructs";

/**
 * What one stack tells the next is names and ARNs. The generator marks all of it sensitive, and with it every policy and
 * environment made from it: nobody could review such a plan. Secrets do not pass between stacks.
 */
export class ReadableReferences implements IAspect {
  visit(node: IConstruct): void {
    if (node instanceof TerraformOutput && node.node.id.startsWith("cross-stack-output-")) node.sensitive = false;
  }
}
