import type { KmsKey } from "@cdktn/provider-aws/lib/kms-key/index.js";
import { LambdaFunction } from "@cdktn/provider-aws/lib/lambda-function/index.js";
import { LambdaFunctionEventInvokeConfig } from "@cdktn/provider-aws/lib/lambda-function-event-invoke-config/index.js";
import { limits } from "../../core/limits.ts";
import { computeNames } from "./compute-names.ts";
import type { EnvironmentStack } from "./environment-stack.ts";
import { createLogGroup } from "./log-group.ts";
import type { PolicyStatement } from "./policy-document.ts";
import type { WorkerImage } from "./worker-image.ts";
import { createRole } from "./worker-roles.ts";

/** The longest that Lambda runs; the worker hands back 20 s before. */
const timeoutSeconds = 900;
/** An event that waited longer than this is launched anew, on another lane if need be. */
const eventAgeSeconds = 300;
/** Lambda's only writable folder. */
const scratchDir = "/tmp";

export interface WorkerFunctionProps {
  readonly image: WorkerImage;
  readonly environment: Readonly<Record<string, string>>;
  readonly statements: readonly PolicyStatement[];
  /** Of the environment, for its variables. */
  readonly key: KmsKey | undefined;
  /** Settles what failed. */
  readonly onFailure: LambdaFunction;
}

/** The worker on Lambda, called asynchronously, never tried again by the service. */
export function createWorkerFunction(stack: EnvironmentStack, props: WorkerFunctionProps): LambdaFunction {
  const { workerArchitecture, lambdaConcurrency } = stack.environment;
  const functionName = computeNames(stack).workerFunction;
  const logGroup = createLogGroup(stack, "worker-function-logs", `/aws/lambda/${functionName}`);
  const { role, policy } = createRole(stack, {
    what: "worker-lambda",
    description: "the worker on Lambda",
    service: "lambda.amazonaws.com",
    namesAccount: false,
    statements: [
      { sid: "Logs", actions: ["logs:CreateLogStream", "logs:PutLogEvents"], resources: [`${logGroup.arn}:*`] },
      { sid: "Traces", actions: ["xray:PutTelemetryRecords", "xray:PutTraceSegments"], resources: ["*"] },
      { sid: "Failed", actions: ["lambda:InvokeFunction"], resources: [props.onFailure.arn] },
      ...props.statements,
    ],
  });
  const made = new LambdaFunction(stack, "worker-function", {
    functionName,
    description: "Runs short jobs",
    role: role.arn,
    packageType: "Image",
    imageUri: props.image.uri,
    architectures: [workerArchitecture],
    memorySize: limits.workerFunction.memoryMib,
    ephemeralStorage: { size: limits.workerFunction.diskMib },
    timeout: timeoutSeconds,
    ...(lambdaConcurrency === 0 ? {} : { reservedConcurrentExecutions: lambdaConcurrency }),
    tracingConfig: { mode: "Active" },
    loggingConfig: { logFormat: "JSON", logGroup: logGroup.name },
    ...(props.key === undefined ? {} : { kmsKeyArn: props.key.arn }),
    environment: { variables: { ...props.environment, MIXDOWN_SCRATCH: scratchDir } },
    dependsOn: [policy, logGroup],
    lifecycle: props.image.lifecycle,
  });
  new LambdaFunctionEventInvokeConfig(stack, "worker-function-calls", {
    functionName: made.functionName,
    maximumRetryAttempts: 0,
    maximumEventAgeInSeconds: eventAgeSeconds,
    destinationConfig: { onFailure: { destination: props.onFailure.arn } },
  });
  return made;
}
