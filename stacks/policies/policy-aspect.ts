import { AwsProvider } from "@cdktn/provider-aws/lib/provider/index.js";
import {
  Annotations,
  DefaultTokenResolver,
  type IAspect,
  StringConcat,
  TerraformResource,
  TerraformStack,
  Tokenization,
} from "cdktn";
import type { IConstruct } from "constructs";
import { bucketRules } from "./bucket-rules.ts";
import { dataRules } from "./data-rules.ts";
import { iamRules } from "./iam-rules.ts";
import type { Attributes, PlannedResource, PolicyRule } from "./rule.ts";
import { runRules } from "./run-rules.ts";

export const policyRules: readonly PolicyRule[] = [...bucketRules, ...iamRules, ...dataRules, ...runRules];
export const requiredTags = ["project", "environment", "stack", "owner"];

/** Fails synth on what must not be deployed, with the rule, the construct's path and what to write instead. */
export class PolicyAspect implements IAspect {
  readonly #stacks = new Map<TerraformStack, ReadonlyMap<IConstruct, PlannedResource>>();

  visit(node: IConstruct): void {
    if (TerraformStack.isStack(node)) this.#checkTags(node);
    if (!TerraformResource.isTerraformResource(node)) return;
    const resources = this.#readStack(TerraformStack.of(node));
    const resource = resources.get(node);
    if (resource === undefined) return;
    for (const rule of policyRules) {
      if (!rule.types.includes(resource.type)) continue;
      const fault = rule.findFault(resource, [...resources.values()]);
      if (fault === undefined) continue;
      Annotations.of(node).addError(`${rule.name}: ${resource.address} ${fault}. ${rule.fix}`);
    }
  }

  /** Tags come with the provider, so that no resource can be forgotten. */
  #checkTags(stack: TerraformStack): void {
    const missing = requiredTags.filter((tag) => !stack.node.findAll().some((node) => hasDefaultTag(node, tag)));
    if (missing.length === 0) return;
    const fix = "Derive the stack from EnvironmentStack, whose provider sets them.";
    Annotations.of(stack).addError(`tags: the stack's resources are not tagged with ${missing.join(", ")}. ${fix}`);
  }

  #readStack(stack: TerraformStack): ReadonlyMap<IConstruct, PlannedResource> {
    const known = this.#stacks.get(stack);
    if (known !== undefined) return known;
    const read = new Map(
      stack.node
        .findAll()
        .filter((node) => TerraformResource.isTerraformResource(node))
        .map((node) => [node, readResource(stack, node as TerraformResource)] as const),
    );
    this.#stacks.set(stack, read);
    return read;
  }
}

const hasDefaultTag = (node: IConstruct, tag: string): boolean => {
  if (!(node instanceof AwsProvider)) return false;
  const [block] = [node.defaultTagsInput ?? []].flat() as { readonly tags?: Readonly<Record<string, string>> }[];
  return (block?.tags?.[tag] ?? "") !== "";
};

function readResource(stack: TerraformStack, node: TerraformResource): PlannedResource {
  const resolved = Tokenization.resolve(node.toTerraform(), {
    scope: stack,
    resolver: new DefaultTokenResolver(new StringConcat()),
    preparing: false,
  }) as { readonly resource: Readonly<Record<string, Readonly<Record<string, Attributes>>>> };
  const type = node.terraformResourceType;
  const config = resolved.resource[type]?.[node.friendlyUniqueId] ?? {};
  return { type, address: `${type}.${node.friendlyUniqueId}`, path: node.node.path, config };
}
