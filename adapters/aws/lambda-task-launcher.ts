import { InvokeCommand, LambdaClient } from "@aws-sdk/client-lambda";
import { MixdownError } from "../../core/errors.ts";
import { formatJobRef } from "../../core/job.ts";
import type { Permission } from "../../core/permission.ts";
import type { TaskLauncher } from "../../core/ports.ts";

export const lambdaTaskLauncherPermissions: readonly Permission[] = [
  { action: "lambda:InvokeFunction", resource: "worker-function" },
];

/**
 * Workers as calls of a function. Lambda knows no tokens, so a repeat calls twice; the second worker finds the attempt
 * claimed and ends. A task's id is its call's request id, which Lambda also names when a call failed.
 */
export function createLambdaTaskLauncher(functionName: string, defaultOwner: string): TaskLauncher {
  let made: LambdaClient | undefined;
  const client = (): LambdaClient => {
    made ??= new LambdaClient({});
    return made;
  };
  return {
    async launch({ ref, attempt }) {
      const payload = { MIXDOWN_JOB_ID: formatJobRef(ref, defaultOwner), MIXDOWN_ATTEMPT: String(attempt) };
      try {
        const { $metadata } = await client().send(
          new InvokeCommand({
            FunctionName: functionName,
            InvocationType: "Event",
            Payload: new TextEncoder().encode(JSON.stringify(payload)),
          }),
        );
        return { taskId: $metadata.requestId ?? "unknown" };
      } catch (error) {
        throw translate(error);
      }
    },
    // A call cannot be stopped from outside; its worker finds out with its next pulse that it holds nothing any more.
    stop: async () => {},
    // Nor asked: heartbeat and deadline tell.
    isAlive: async () => true,
  };
}

const configurationFaults =
  /^(AccessDenied|UnrecognizedClient|ResourceNotFound|InvalidParameter|InvalidRequestContent|KMS|RequestTooLarge|UnsupportedMediaType|InvalidRuntime|InvalidZipFile)/;

function translate(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const said = `${error.name}: ${error.message}`;
  if (/^TooManyRequests|throttl/i.test(error.name)) {
    return new MixdownError("capacity_throttled", { message: `Lambda asks to slow down: ${said}.`, cause: error });
  }
  // No address, no network interface, the function being replaced or woken up: it passes, or the next lane takes over.
  if (/^(EC2|ENI|EFS|Subnet|ResourceNotReady|ResourceConflict|CodeArtifact)/.test(error.name)) {
    return new MixdownError("capacity_unavailable", {
      message: `The function cannot be called: ${said}.`,
      cause: error,
    });
  }
  if (!configurationFaults.test(error.name)) return error;
  return new MixdownError("platform_launch_failed", {
    message: `Lambda refused the call: ${said}; correct what it names.`,
    cause: error,
  });
}
