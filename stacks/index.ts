import { App, Aspects } from "cdktn";
import type { IConstruct } from "constructs";
import type { Environment } from "../config/environments.ts";
import { MixdownError } from "../core/errors.ts";
import { ApiStack } from "./api.ts";
import { ComputeStack } from "./compute.ts";
import { JobsStack } from "./jobs.ts";
import { NetworkStack } from "./network.ts";
import { ObservabilityStack } from "./observability.ts";
import { PolicyAspect } from "./policies/policy-aspect.ts";
import { ReadableReferences } from "./policies/readable-references.ts";
import { RegistryStack } from "./registry.ts";
import { StorageStack } from "./storage.ts";

/** Write-only arguments are in both since 1.11. The rest is what new projects of the generator begin with. */
const context = {
  targetVersions: { terraform: ">=1.11.0", opentofu: ">=1.11.0" },
  failOnConstructsOutsideOfStacks: true,
  canonicalAssetHashes: true,
};

export interface StacksProps {
  readonly environment: Environment;
  /** Folder of the functions' bundles, one folder a function. */
  readonly bundles: string;
  /** Where the JSON goes. @default cdktf.out, or what the CLI says */
  readonly outdir?: string;
}

/** All stacks of one environment, in the order in which they are deployed; nothing is written before `app.synth()`. */
export function createStacks(props: StacksProps) {
  const { environment, bundles, outdir } = props;
  const app = new App({ stackTraces: false, context, ...(outdir === undefined ? {} : { outdir }) });
  const network = new NetworkStack(app, environment);
  const storage = new StorageStack(app, environment);
  const registry = new RegistryStack(app, environment, storage);
  const jobs = new JobsStack(app, { environment, network, storage, bundles });
  const compute = new ComputeStack(app, { environment, network, storage, registry, jobs });
  const api = new ApiStack(app, { environment, storage, jobs, bundles });
  const observability = new ObservabilityStack(app, { environment, network, storage, jobs, api });
  // Each stack is synthesized by itself: aspects of the app would not reach it.
  for (const stack of app.node.children) guard(stack);
  return { app, network, storage, registry, jobs, compute, api, observability };
}

/**
 * Writes the JSON of every stack.
 * @throws MixdownError `usage_invalid` naming each rule that is broken, the construct's path and the fix
 */
export function synthesize(app: App): void {
  try {
    app.synth();
  } catch (thrown) {
    const [, faults] = /Encountered Annotations with level "ERROR":\s*([\s\S]*)/.exec(String(thrown)) ?? [];
    if (faults === undefined) throw thrown;
    throw new MixdownError("usage_invalid", {
      message: `The stacks break their rules:\n${faults.trim()}`,
      cause: thrown,
    });
  }
}

/** Adds what every stack is held to. */
export function guard(stack: IConstruct): void {
  Aspects.of(stack).add(new PolicyAspect());
  Aspects.of(stack).add(new ReadableReferences());
}
