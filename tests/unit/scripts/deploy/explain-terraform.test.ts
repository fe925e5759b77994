import { expect, test } from "vitest";
import { explainTerraform } from "../../../../scripts/deploy/explain-terraform.ts";

const explain = (said: string) =>
  explainTerraform({
    binary: "terraform",
    what: "apply jobs",
    said,
    folder: "cdktf.out/stacks/dev-jobs",
    logFile: ".state/dev/logs/jobs.log",
  });

test("fails when what Terraform said does not come as one sentence with the remedy", () => {
  const said = `aws_sqs_queue.queue: Creating...
╷
│ Error: creating SQS Queue (mixdown-dev-jobs.fifo): operation error SQS: CreateQueue,
│ https response error StatusCode: 403, AccessDenied
│
│   with aws_sqs_queue.queue,
│   on cdk.tf.json line 12
╵
╷
│ Error: another one
╵
`;
  const { code, message, stderrTail } = explain(said);
  expect(code).toBe("platform_deploy_failed");
  expect(message).toContain("could not apply jobs: creating SQS Queue (mixdown-dev-jobs.fifo): operation error SQS");
  expect(message).toContain("StatusCode: 403, AccessDenied with aws_sqs_queue.queue");
  expect(message).not.toMatch(/another one|\n|│/);
  expect(message).toContain("run the same command");
  expect(message).toContain(".state/dev/logs/jobs.log");
  expect(stderrTail).toContain("another one");
});

test("fails when the lock of a killed run does not come with its id", () => {
  const said = `│ Error: Error acquiring the state lock
│ Lock Info:
│   ID:        3f0c2a1e-9a4b
│   Path:      bucket/mixdown/dev/jobs.tfstate`;
  expect(explain(said).message).toContain("`terraform -chdir=cdktf.out/stacks/dev-jobs force-unlock 3f0c2a1e-9a4b`");
});

test("fails when credentials that ran out are told as a fault of the stacks", () => {
  const { code, message } = explain("│ Error: ExpiredToken: The security token included in the request is expired");
  expect(code).toBe("auth_invalid");
  expect(message).toContain("sign in again");
});

test("fails when a state that moved is initialized over", () => {
  const { code, message } = explain("│ Error: Backend configuration changed");
  expect(code).toBe("usage_invalid");
  expect(message).toContain("init -migrate-state");
});

test("fails when a tool that died without a word is told without one", () => {
  expect(explain("").message).toContain("could not apply jobs");
});
