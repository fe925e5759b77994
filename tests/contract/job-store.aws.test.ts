import { createDynamoEventLog } from "../../adapters/aws/event-log.ts";
import { createDynamoJobStore } from "../../adapters/aws/jobs/job-store.ts";
import { openTable } from "../../adapters/aws/table.ts";
import { createTestTable, describeOnAws } from "../fixtures/aws-emulator.ts";
import { jobListsContract } from "./job-lists.ts";
import { jobStoreContract } from "./job-store.ts";
import type { OpenedJobStore } from "./job-store-fixture.ts";

const cursorKey = async () => Buffer.from("a key that only this test knows");

async function open(): Promise<OpenedJobStore> {
  const { name, remove } = await createTestTable();
  let aheadMs = 0;
  const clock = { now: () => Date.now() + aheadMs };
  return {
    jobs: createDynamoJobStore(openTable(name), clock, cursorKey),
    other: createDynamoJobStore(openTable(name), clock, cursorKey),
    events: createDynamoEventLog(openTable(name)),
    clock: {
      advance: (ms) => {
        aheadMs += ms;
      },
    },
    close: remove,
  };
}

describeOnAws("jobs", () => {
  jobStoreContract("DynamoDB", open);
  jobListsContract("DynamoDB", open);
});
