import { z } from "zod";
import { type DomainEvent, domainEventSchema } from "../core/events.ts";

const busEventSchema = z.object({ "detail-type": z.string(), detail: domainEventSchema });

/** The event of ours that a rule of the bus passed on. @throws ZodError for an event of another shape */
export const readBusEvent = (event: unknown): DomainEvent => busEventSchema.parse(event).detail;
