import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openDatabase } from "../../adapters/embedded/database.ts";
import { createSqliteEventLog } from "../../adapters/embedded/event-log.ts";
import { createSqliteJobStore } from "../../adapters/embedded/job-store.ts";
import { jobListsContract } from "./job-lists.ts";
import { jobStoreContract } from "./job-store.ts";
import type { OpenedJobStore } from "./job-store-fixture.ts";

async function open(): Promise<OpenedJobStore> {
  const folder = mkdtempSync(join(tmpdir(), "mixdown-jobs-"));
  const [first, second] = [openDatabase(join(folder, "store")), openDatabase(join(folder, "store"))];
  let now = Date.parse("2026-05-01T00:00:00Z");
  const clock = { now: () => now };
  return {
    jobs: createSqliteJobStore(first, clock),
    other: createSqliteJobStore(second, clock),
    events: createSqliteEventLog(second),
    clock: {
      advance: (ms) => {
        now += ms;
      },
    },
    close: async () => {
      first.close();
      second.close();
      rmSync(folder, { recursive: true });
    },
  };
}

jobStoreContract("SQLite", open);
jobListsContract("SQLite", open);
