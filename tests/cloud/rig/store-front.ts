import type { IncomingMessage } from "node:http";
import { type Answer, Front } from "./front.ts";

/** What is said to one write instead of making it. */
export interface StoreRefusal {
  /** Only a write whose text has all of these in it. */
  readonly about: readonly string[];
  /** Of DynamoDB, such as `ProvisionedThroughputExceededException`. */
  readonly error: string;
  /** How often; the SDK itself repeats what may pass. */
  times: number;
}

const writes = /^(PutItem|UpdateItem|DeleteItem|TransactWriteItems|BatchWriteItem)$/;

/** The table's door before the emulator's: refuses writes when a test wants it. */
export class StoreFront extends Front {
  readonly refusals: StoreRefusal[] = [];

  protected override async serve(request: IncomingMessage, input: string): Promise<Answer> {
    const isWrite = this.is(request, writes);
    const refusal = this.refusals.find(
      ({ about, times }) => isWrite && times > 0 && about.every((word) => input.includes(word)),
    );
    if (refusal === undefined) return this.forward(request, input);
    refusal.times--;
    const __type = `com.amazonaws.dynamodb.v20120810#${refusal.error}`;
    return { status: 400, body: JSON.stringify({ __type, message: "refused" }) };
  }
}
