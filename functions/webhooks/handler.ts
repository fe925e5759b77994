import {
  type CalledDeps,
  type DeliveryTurn,
  deliverEvent,
  deliveryTurnSchema,
  takeDeliveryTurn,
} from "../../core/webhooks.ts";
import { readBusEvent } from "../bus-event.ts";
import type { Telemetry } from "../telemetry.ts";

/** Told of an event by the bus, or called by a schedule for one delivery's next attempt: sends what is due. */
export const createHandler =
  (deps: CalledDeps, telemetry: Telemetry) =>
  async (event: unknown): Promise<void> => {
    const turn = readTurn(event);
    const tried = turn === null ? await deliverEvent(deps, readBusEvent(event)) : [await takeDeliveryTurn(deps, turn)];
    const sent = tried.filter((reached) => reached === true).length;
    const failed = tried.filter((reached) => reached === false).length;
    telemetry.info("webhooks sent", { deliveryId: turn?.deliveryId ?? null, sent, failed });
    telemetry.count("WebhooksSent", sent);
    telemetry.count("WebhooksFailed", failed);
  };

const readTurn = (event: unknown): DeliveryTurn | null =>
  typeof event === "object" && event !== null && "deliveryId" in event ? deliveryTurnSchema.parse(event) : null;
