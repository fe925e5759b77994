import { LambdaFunctionEventInvokeConfig } from "@cdktn/provider-aws/lib/lambda-function-event-invoke-config/index.js";
import { LambdaPermission } from "@cdktn/provider-aws/lib/lambda-permission/index.js";
import type { S3Bucket } from "@cdktn/provider-aws/lib/s3-bucket/index.js";
import { S3BucketNotification } from "@cdktn/provider-aws/lib/s3-bucket-notification/index.js";
import type { SqsQueue } from "@cdktn/provider-aws/lib/sqs-queue/index.js";
import type { EnvironmentStack } from "./environment-stack.ts";
import type { PlatformFunction } from "./platform-function.ts";

/** Files that appear in the bucket, however they came, to a function. */
export function createUploadTrigger(
  stack: EnvironmentStack,
  props: { readonly bucket: S3Bucket; readonly target: PlatformFunction; readonly undelivered: SqsQueue },
): void {
  const permission = new LambdaPermission(stack, "upload-permission", {
    functionName: props.target.function.functionName,
    statementId: "uploads",
    action: "lambda:InvokeFunction",
    principal: "s3.amazonaws.com",
    sourceArn: props.bucket.arn,
    // A bucket's ARN names no account: a bucket of that name made by another, after ours, must not call us.
    sourceAccount: stack.accountId,
  });
  new LambdaFunctionEventInvokeConfig(stack, "upload-retries", {
    functionName: props.target.function.functionName,
    maximumRetryAttempts: 2,
    maximumEventAgeInSeconds: 21_600,
    destinationConfig: { onFailure: { destination: props.undelivered.arn } },
  });
  new S3BucketNotification(stack, "upload-trigger", {
    bucket: props.bucket.bucket,
    lambdaFunction: [
      {
        id: "uploads",
        lambdaFunctionArn: props.target.function.arn,
        // Every way of making an object: a multipart upload tells of itself as CompleteMultipartUpload, not as Put.
        events: ["s3:ObjectCreated:*"],
      },
    ],
    dependsOn: [permission],
  });
}
