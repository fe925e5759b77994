import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { MixdownError } from "../../core/errors.ts";
import type { DomainEvent } from "../../core/events.ts";
import { signDelivery } from "../../core/webhooks.ts";
import { addDataFlag, type OpenStore, type StoreOptions, withStore } from "../embedded-store.ts";
import { addCommonFlags, type DefineCommand, examples, type Session } from "../session.ts";

interface ListenOptions extends StoreOptions {
  readonly forward?: string;
}

/** How often the change feed is looked at. */
const pollMs = 200;
const forwardTimeoutMs = 15_000;

export const defineWebhooks: DefineCommand = (command, session) => {
  command
    .helpGroup("The HTTP API here:")
    .description("Helps to develop a receiver of webhooks.")
    .helpCommand(false)
    .addHelpText("after", examples("mixdown webhooks listen"));
  const listen = command
    .command("listen")
    .description("Prints what happens to jobs from now on, and sends it, signed, to a receiver on this machine.")
    .option("--forward <URL>", "receiver, as in http://localhost:3000/hooks");
  addCommonFlags(addDataFlag(listen))
    .addHelpText("after", examples("mixdown webhooks listen --forward http://localhost:3000/api/hooks"))
    .action(session.action((options: ListenOptions) => runListen(options, session)));
};

function runListen({ forward, ...options }: ListenOptions, session: Session): Promise<number> {
  if (forward !== undefined && !/^https?:$/.test(URL.parse(forward)?.protocol ?? "")) {
    throw new MixdownError("usage_invalid", {
      message: `--forward is ${JSON.stringify(forward)}; give an http or https URL.`,
    });
  }
  return withStore(options, (store) => listen(store, forward, session));
}

async function listen(
  { events }: OpenStore,
  forward: string | undefined,
  { reporter, signal }: Session,
): Promise<number> {
  const secret = `whsec_${randomBytes(32).toString("base64")}`;
  if (forward !== undefined) reporter.note(`Signed with ${secret} (of this run alone).`);
  let position = await findEnd(events);
  while (!signal.aborted) {
    for (const { position: at, event } of await events.read(position, 100)) {
      position = at;
      reporter.printJson(event, { lines: true });
      const answer = forward === undefined ? "" : ` → ${await send(forward, secret, event)}`;
      reporter.print(`${event.time} ${event.type} ${event.subject}${answer}`);
    }
    await sleep(pollMs, undefined, { signal }).catch(() => {});
  }
  return 0;
}

async function findEnd(events: OpenStore["events"]): Promise<number> {
  let position = 0;
  for (;;) {
    const last = (await events.read(position, 1_000)).at(-1);
    if (last === undefined) return position;
    position = last.position;
  }
}

async function send(url: string, secret: string, event: DomainEvent): Promise<string> {
  const payload = JSON.stringify({ type: event.type, timestamp: event.time, data: event.data });
  const endpoint = { secret, previousSecret: null, previousSecretUntil: null };
  const headers = signDelivery(endpoint, { deliveryId: event.id.replace(/^evt_/, "msg_"), payload }, Date.now());
  try {
    const signal = AbortSignal.timeout(forwardTimeoutMs);
    const response = await fetch(url, { method: "POST", headers, body: payload, redirect: "manual", signal });
    return String(response.status);
  } catch (thrown) {
    const cause = (thrown as Error).cause;
    return cause instanceof Error ? cause.message : String(thrown);
  }
}
