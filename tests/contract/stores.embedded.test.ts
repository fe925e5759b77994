import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createSqliteApiKeyStore } from "../../adapters/embedded/api-key-store.ts";
import { openDatabase } from "../../adapters/embedded/database.ts";
import { createSqliteDeadLetterStore } from "../../adapters/embedded/dead-letter-store.ts";
import { createSqliteEventLog } from "../../adapters/embedded/event-log.ts";
import { createSqliteJobStore } from "../../adapters/embedded/job-store.ts";
import { createMemoryRateLimiter } from "../../adapters/embedded/rate-limiter.ts";
import { createSqliteResultCache } from "../../adapters/embedded/result-cache.ts";
import { createSqliteWebhookStore } from "../../adapters/embedded/webhook-store.ts";
import { apiKeyStoreContract } from "./api-key-store.ts";
import { deadLetterStoreContract } from "./dead-letter-store.ts";
import { eventLogContract } from "./event-log.ts";
import { rateLimiterContract } from "./rate-limiter.ts";
import { resultCacheContract } from "./result-cache.ts";
import { webhookStoreContract } from "./webhook-store.ts";

/** Two connections to a file of their own, and a clock that stands. */
function openTwice() {
  const folder = mkdtempSync(join(tmpdir(), "mixdown-stores-"));
  const first = openDatabase(join(folder, "store"));
  const second = openDatabase(join(folder, "store"));
  let now = Date.parse("2026-05-01T00:00:00Z");
  const clock = {
    now: () => now,
    advance: (ms: number) => {
      now += ms;
    },
  };
  const close = async () => {
    first.close();
    second.close();
    rmSync(folder, { recursive: true });
  };
  return { first, second, clock, close };
}

resultCacheContract("SQLite", async () => {
  const { first, second, close } = openTwice();
  return { cache: createSqliteResultCache(first), other: createSqliteResultCache(second), close };
});

deadLetterStoreContract("SQLite", async () => {
  const { first, second, clock, close } = openTwice();
  const [letters, other] = [createSqliteDeadLetterStore(first, clock), createSqliteDeadLetterStore(second, clock)];
  return { letters, other, events: createSqliteEventLog(second), clock, close };
});

eventLogContract("SQLite", async () => {
  const { first, second, clock, close } = openTwice();
  const [jobs, other] = [createSqliteJobStore(first, clock), createSqliteJobStore(second, clock)];
  return { events: createSqliteEventLog(first), jobs, other, close };
});

apiKeyStoreContract("SQLite", async () => {
  const { first, second, close } = openTwice();
  return { keys: createSqliteApiKeyStore(first), other: createSqliteApiKeyStore(second), close };
});

webhookStoreContract("SQLite", async () => {
  const { first, second, close } = openTwice();
  return { webhooks: createSqliteWebhookStore(first), other: createSqliteWebhookStore(second), close };
});

rateLimiterContract("Memory", async () => {
  const { clock, close } = openTwice();
  return { limiter: createMemoryRateLimiter(clock), clock, close };
});
