/**
 * The one table, as the adapters in `adapters/aws/` use it. GSI1 lists an owner's things by time; GSI2 is sparse and
 * lists what somebody has to look at, by when. Neither is needed whole: what is listed is read from the table.
 */
export const tableShape = {
  hashKey: "pk",
  rangeKey: "sk",
  /** Epoch seconds. */
  ttlAttribute: "ttl",
  /** New items of `pk` = `outboxKey` are events to be published. */
  stream: "NEW_IMAGE",
  outboxKey: "OUTBOX",
  indexes: [
    {
      name: "GSI1",
      hashKey: "GSI1PK",
      rangeKey: "GSI1SK",
      projection: "INCLUDE",
      // Filters of lists are answered by the index itself.
      nonKeyAttributes: ["status", "kind"],
    },
    { name: "GSI2", hashKey: "GSI2PK", rangeKey: "GSI2SK", projection: "KEYS_ONLY", nonKeyAttributes: [] },
  ],
} as const;

/** The table's streams filter of Lambda's event source mapping: events only, and only when they are new. */
export const outboxFilter = {
  eventName: ["INSERT"],
  dynamodb: { Keys: { pk: { S: [tableShape.outboxKey] } } },
} as const;
