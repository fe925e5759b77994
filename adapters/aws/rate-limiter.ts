import { UpdateCommand } from "@aws-sdk/lib-dynamodb";
import type { RateLimiter } from "../../core/api-ports.ts";
import type { Permission } from "../../core/permission.ts";
import type { Clock } from "../../core/ports.ts";
import { isConditionFailed, type Table, ttlOf } from "./table.ts";

export const rateLimiterPermissions: readonly Permission[] = [{ action: "dynamodb:UpdateItem", resource: "table" }];

/** A bucket that is full is forgotten at leisure. */
const forgetAfterMs = 3_600_000;
const maxRounds = 5;

/**
 * Token buckets that all functions share. A bucket is one number, the time at which it is full again (generic cell rate
 * algorithm, ITU-T I.371): taking one puts it off by `1 / perSecond`, and is refused where that would go beyond
 * `burst`. So a take is one conditional write, without reading first.
 */
export function createDynamoRateLimiter(table: Table, clock: Clock): RateLimiter {
  return {
    async take(name, { burst, perSecond }) {
      const stepMs = 1_000 / perSecond;
      for (let round = 0; round < maxRounds; round++) {
        const now = clock.now();
        const latest = now + (burst - 1) * stepMs;
        const write = (set: string, condition: string, values: Record<string, number>) =>
          table.client().send(
            new UpdateCommand({
              TableName: table.name,
              Key: { pk: `RATE#${name}`, sk: "RATE" },
              UpdateExpression: `SET fullAt = ${set}, #ttl = :ttl`,
              ConditionExpression: condition,
              ExpressionAttributeNames: { "#ttl": "ttl" },
              ExpressionAttributeValues: { ...values, ":now": now, ":ttl": ttlOf(latest + forgetAfterMs) },
              ReturnValuesOnConditionCheckFailure: "ALL_OLD",
            }),
          );
        try {
          await write("fullAt + :step", "fullAt > :now AND fullAt <= :latest", { ":step": stepMs, ":latest": latest });
          return 0;
        } catch (error) {
          if (!isConditionFailed(error)) throw error;
          const fullAt = Number(error.Item?.fullAt?.N ?? 0);
          if (fullAt > latest) return (fullAt - latest) / 1_000;
        }
        try {
          await write(":next", "attribute_not_exists(pk) OR fullAt <= :now", { ":next": now + stepMs });
          return 0;
        } catch (error) {
          if (!isConditionFailed(error)) throw error;
          // Another took the first one: it is no longer a full bucket.
        }
      }
      // Takes that overtake each other time and again are more than any bucket allows.
      return stepMs / 1_000;
    },
  };
}
