import { createDynamoApiKeyStore } from "../../adapters/aws/api-key-store.ts";
import { createDynamoDeadLetterStore } from "../../adapters/aws/dead-letter-store.ts";
import { createDynamoEventLog } from "../../adapters/aws/event-log.ts";
import { createDynamoJobStore } from "../../adapters/aws/jobs/job-store.ts";
import { createDynamoRateLimiter } from "../../adapters/aws/rate-limiter.ts";
import { createDynamoResultCache } from "../../adapters/aws/result-cache.ts";
import { openTable } from "../../adapters/aws/table.ts";
import { createDynamoWebhookStore } from "../../adapters/aws/webhook-store.ts";
import { createTestTable, describeOnAws } from "../fixtures/aws-emulator.ts";
import { apiKeyStoreContract } from "./api-key-store.ts";
import { deadLetterStoreContract } from "./dead-letter-store.ts";
import { eventLogContract } from "./event-log.ts";
import { rateLimiterContract } from "./rate-limiter.ts";
import { resultCacheContract } from "./result-cache.ts";
import { webhookStoreContract } from "./webhook-store.ts";

/** A table of its own, seen from two places, and a clock that stands. */
async function openTwice() {
  const { name, remove } = await createTestTable();
  let now = Date.now();
  const clock = {
    now: () => now,
    advance: (ms: number) => {
      now += ms;
    },
  };
  return { first: openTable(name), second: openTable(name), clock, close: remove };
}

describeOnAws("stores", () => {
  resultCacheContract("DynamoDB", async () => {
    const { first, second, clock, close } = await openTwice();
    return { cache: createDynamoResultCache(first, clock), other: createDynamoResultCache(second, clock), close };
  });

  deadLetterStoreContract("DynamoDB", async () => {
    const { first, second, clock, close } = await openTwice();
    const [letters, other] = [createDynamoDeadLetterStore(first, clock), createDynamoDeadLetterStore(second, clock)];
    return { letters, other, events: createDynamoEventLog(second), clock, close };
  });

  eventLogContract("DynamoDB", async () => {
    const { first, second, clock, close } = await openTwice();
    const [jobs, other] = [createDynamoJobStore(first, clock), createDynamoJobStore(second, clock)];
    return { events: createDynamoEventLog(first), jobs, other, close };
  });

  apiKeyStoreContract("DynamoDB", async () => {
    const { first, second, close } = await openTwice();
    return { keys: createDynamoApiKeyStore(first), other: createDynamoApiKeyStore(second), close };
  });

  rateLimiterContract("DynamoDB", async () => {
    const { first, clock, close } = await openTwice();
    return { limiter: createDynamoRateLimiter(first, clock), clock, close };
  });

  webhookStoreContract("DynamoDB", async () => {
    const { first, second, close } = await openTwice();
    return { webhooks: createDynamoWebhookStore(first), other: createDynamoWebhookStore(second), close };
  });
});
