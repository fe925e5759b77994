import { createSqsJobQueue } from "../../adapters/aws/job-queue.ts";
import { createTestQueues, describeOnAws } from "../fixtures/aws-emulator.ts";
import { jobQueueContract } from "./job-queue.ts";
import type { OpenedJobQueue } from "./job-queue-fixture.ts";

/** SQS counts in seconds; longer than the longest look, so that what is out stays out. */
const visibilityTimeoutSeconds = 2;
const maxReceiveCount = 3;

async function open(): Promise<OpenedJobQueue> {
  const { remove, ...urls } = await createTestQueues({ visibilityTimeoutSeconds, maxReceiveCount });
  return {
    queue: createSqsJobQueue({ ...urls, maxReceiveCount }),
    other: createSqsJobQueue({ ...urls, maxReceiveCount }),
    visibilityTimeoutMs: visibilityTimeoutSeconds * 1_000,
    maxReceiveCount,
    pass: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    hasClock: false,
    patienceMs: 500,
    close: remove,
  };
}

describeOnAws("the queue", () => jobQueueContract("SQS", open));
