import {
  ConflictException,
  CreateScheduleCommand,
  DeleteScheduleCommand,
  ResourceNotFoundException,
  SchedulerClient,
} from "@aws-sdk/client-scheduler";
import type { CallScheduler } from "../../core/cloud-ports.ts";
import type { Permission } from "../../core/permission.ts";
import type { Clock } from "../../core/ports.ts";

export const callSchedulerPermissions: readonly Permission[] = [
  { action: "scheduler:CreateSchedule", resource: "schedules" },
  { action: "scheduler:DeleteSchedule", resource: "schedules" },
  { action: "iam:PassRole", resource: "scheduler-role" },
];

export interface CallSchedulerSettings {
  readonly group: string;
  /** The function that is called. */
  readonly targetArn: string;
  /** The role that calls it. */
  readonly roleArn: string;
}

/** A time that is over is refused; what is due at once is called within the minute all the same. */
const earliestMs = 5_000;

/**
 * One-shot schedules of EventBridge Scheduler, gone when they have called. They call within a minute of their time
 * (scheduler/latest/UserGuide/schedule-types.html).
 */
export function createCallScheduler({ group, targetArn, roleArn }: CallSchedulerSettings, clock: Clock): CallScheduler {
  let made: SchedulerClient | undefined;
  const client = (): SchedulerClient => {
    made ??= new SchedulerClient({});
    return made;
  };
  return {
    async schedule({ name, at, payload }) {
      try {
        await client().send(
          new CreateScheduleCommand({
            GroupName: group,
            Name: name,
            ScheduleExpression: buildAt(Math.max(at, clock.now() + earliestMs)),
            ScheduleExpressionTimezone: "UTC",
            FlexibleTimeWindow: { Mode: "OFF" },
            ActionAfterCompletion: "DELETE",
            Target: {
              Arn: targetArn,
              RoleArn: roleArn,
              Input: JSON.stringify(payload),
              RetryPolicy: { MaximumRetryAttempts: 5, MaximumEventAgeInSeconds: 3_600 },
            },
          }),
        );
      } catch (error) {
        // It stands there already, for the same call.
        if (!(error instanceof ConflictException)) throw error;
      }
    },

    async cancel(name) {
      try {
        await client().send(new DeleteScheduleCommand({ GroupName: group, Name: name }));
      } catch (error) {
        if (!(error instanceof ResourceNotFoundException)) throw error;
      }
    },
  };
}

/** `at(2026-05-01T12:00:00)`: whole seconds, never early. */
export const buildAt = (epochMs: number): string =>
  `at(${new Date(Math.ceil(epochMs / 1_000) * 1_000).toISOString().slice(0, 19)})`;
