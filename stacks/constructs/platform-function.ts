import { existsSync } from "node:fs";
import { join } from "node:path";
import type { CloudwatchLogGroup } from "@cdktn/provider-aws/lib/cloudwatch-log-group/index.js";
import { IamRole } from "@cdktn/provider-aws/lib/iam-role/index.js";
import { IamRolePolicy } from "@cdktn/provider-aws/lib/iam-role-policy/index.js";
import type { KmsKey } from "@cdktn/provider-aws/lib/kms-key/index.js";
import { LambdaFunction } from "@cdktn/provider-aws/lib/lambda-function/index.js";
import { AssetType, Fn, TerraformAsset } from "cdktn";
import { Construct } from "constructs";
import type { FunctionName } from "../../config/function-names.ts";
import { MixdownError } from "../../core/errors.ts";
import type { EnvironmentStack } from "./environment-stack.ts";
import { createLogGroup } from "./log-group.ts";
import { buildPolicy, buildTrust, type PolicyStatement } from "./policy-document.ts";

export interface PlatformFunctionProps {
  readonly name: FunctionName;
  /** Folder of the bundles, one folder a function with `index.mjs` and its source map. */
  readonly bundles: string;
  readonly description: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly statements: readonly PolicyStatement[];
  /** Of the environment: its variables lie under it. Without it, under AWS's own. */
  readonly key: KmsKey | undefined;
  /** Seconds. @default 25: within the 30 that an HTTP API waits, and short enough for a queue to come round */
  readonly timeout?: number;
}

const memoryMb = 1_024;
const defaultTimeoutSeconds = 25;

/** One of our functions: its bundle, its role with what its table says, its log group. */
export class PlatformFunction extends Construct {
  readonly function: LambdaFunction;
  readonly role: IamRole;
  readonly logGroup: CloudwatchLogGroup;
  readonly timeoutSeconds: number;

  constructor(stack: EnvironmentStack, props: PlatformFunctionProps) {
    super(stack, props.name);
    const functionName = stack.nameOf(props.name);
    this.timeoutSeconds = props.timeout ?? defaultTimeoutSeconds;
    this.logGroup = createLogGroup(this, "logs", `/aws/lambda/${functionName}`);
    this.role = new IamRole(this, "role", {
      name: stack.globalNameOf(props.name),
      description: `Mixdown ${stack.environment.name}: ${props.description}`,
      assumeRolePolicy: buildTrust("lambda.amazonaws.com"),
    });
    const policy = new IamRolePolicy(this, "policy", {
      name: "function",
      role: this.role.name,
      policy: buildPolicy([
        { sid: "Logs", actions: ["logs:CreateLogStream", "logs:PutLogEvents"], resources: [`${this.logGroup.arn}:*`] },
        // X-Ray knows no resources.
        { sid: "Traces", actions: ["xray:PutTelemetryRecords", "xray:PutTraceSegments"], resources: ["*"] },
        ...props.statements,
      ]),
    });
    const asset = new TerraformAsset(this, "bundle", {
      path: findBundle(props.bundles, props.name),
      type: AssetType.ARCHIVE,
    });
    this.function = new LambdaFunction(this, "function", {
      functionName,
      description: props.description,
      role: this.role.arn,
      runtime: "nodejs24.x",
      architectures: ["arm64"],
      handler: "index.handler",
      filename: asset.path,
      sourceCodeHash: Fn.filebase64sha256(asset.path),
      memorySize: memoryMb,
      timeout: this.timeoutSeconds,
      tracingConfig: { mode: "Active" },
      loggingConfig: { logFormat: "JSON", logGroup: this.logGroup.name },
      ...(props.key === undefined ? {} : { kmsKeyArn: props.key.arn }),
      environment: {
        variables: { NODE_OPTIONS: "--enable-source-maps", ...props.environment },
      },
      // A role without its policy would fail the first calls, and a group that Lambda makes itself keeps logs for ever.
      dependsOn: [policy, this.logGroup],
    });
  }
}

function findBundle(bundles: string, name: FunctionName): string {
  const folder = join(bundles, name);
  if (existsSync(join(folder, "index.mjs"))) return folder;
  throw new MixdownError("usage_invalid", {
    message: `The bundle of functions/${name} is missing: ${join(folder, "index.mjs")} must be there; run \`npm run build:functions\`.`,
  });
}
