import { DynamodbTable } from "@cdktn/provider-aws/lib/dynamodb-table/index.js";
import type { Construct } from "constructs";
import { tableShape } from "../../config/table-shape.ts";

/** The single table of jobs and all that belongs to them, in the shape that its adapters read. */
export function createJobTable(
  scope: Construct,
  id: string,
  props: { readonly name: string; readonly keyArn: string | undefined; readonly deletionProtection: boolean },
): DynamodbTable {
  const { hashKey, rangeKey, indexes } = tableShape;
  const keys = [hashKey, rangeKey, ...indexes.flatMap((index) => [index.hashKey, index.rangeKey])];
  return new DynamodbTable(scope, id, {
    name: props.name,
    billingMode: "PAY_PER_REQUEST",
    hashKey,
    rangeKey,
    attribute: keys.map((name) => ({ name, type: "S" })),
    globalSecondaryIndex: indexes.map((index) => ({
      name: index.name,
      hashKey: index.hashKey,
      rangeKey: index.rangeKey,
      projectionType: index.projection,
      ...(index.nonKeyAttributes.length === 0 ? {} : { nonKeyAttributes: [...index.nonKeyAttributes] }),
    })),
    ttl: { attributeName: tableShape.ttlAttribute, enabled: true },
    pointInTimeRecovery: { enabled: true },
    serverSideEncryption: { enabled: true, ...(props.keyArn === undefined ? {} : { kmsKeyArn: props.keyArn }) },
    streamEnabled: true,
    streamViewType: tableShape.stream,
    deletionProtectionEnabled: props.deletionProtection,
  });
}
