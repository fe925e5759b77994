import { lookup as resolveName } from "node:dns";
import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { isIP, type LookupFunction } from "node:net";
import ipaddr from "ipaddr.js";
import type { WebhookSender } from "../../core/webhook-ports.ts";

export interface WebhookSenderOptions {
  /** Also call addresses of this machine and its network: for development alone. @default false */
  readonly allowPrivate?: boolean;
  /** From the start to the answer's status. @default 15 s, as Standard Webhooks suggests at the least */
  readonly timeoutMs?: number;
}

/**
 * POSTs to whatever URL an owner named, and to nothing inside. The address is judged when the connection is made, on
 * the very address that is connected to, so that a name cannot answer differently the second time (rebinding).
 * Redirects are not followed: they would lead anywhere.
 */
export function createWebhookSender({
  allowPrivate = false,
  timeoutMs = 15_000,
}: WebhookSenderOptions = {}): WebhookSender {
  return {
    send: ({ url: text, headers, body }) =>
      new Promise((resolve, reject) => {
        const url = new URL(text);
        const host = url.hostname.replace(/^\[|\]$/g, "");
        // No name is looked up for an address that is written out, so it is judged here.
        if (isIP(host) !== 0 && !allowPrivate && !isPublicAddress(host)) return reject(refusal(host));
        const open = url.protocol === "https:" ? httpsRequest : httpRequest;
        const request = open(url, {
          method: "POST",
          headers: { ...headers, "content-length": Buffer.byteLength(body), "user-agent": "mixdown-webhooks" },
          lookup: allowPrivate ? resolveName : publicLookup,
          // One connection a call: a kept one would skip the judgement.
          agent: false,
          signal: AbortSignal.timeout(timeoutMs),
        });
        request.once("response", (response) => {
          // The body is nobody's business; a receiver that sends without end is cut off.
          response.destroy();
          resolve({ status: response.statusCode ?? 0 });
        });
        request.once("error", (error) =>
          reject(timedOut(error) ? new Error(`no answer within ${timeoutMs} ms`) : error),
        );
        request.end(body);
      }),
  };
}

const timedOut = (error: Error): boolean => error.name === "AbortError" || error.name === "TimeoutError";

const refusal = (address: string): Error =>
  new Error(`${address} is not a public address; webhooks go to public ones only`);

/** Resolves as usual, and refuses the whole name when any of its addresses is not public. */
const publicLookup: LookupFunction = (hostname, options, callback) => {
  resolveName(hostname, { ...options, all: true }, (error, addresses) => {
    if (error !== null) return callback(error, "", 0);
    const inside = addresses.find(({ address }) => !isPublicAddress(address));
    if (inside !== undefined) return callback(refusal(`${hostname} (${inside.address})`), "", 0);
    if (options.all === true) return callback(null, addresses);
    const [first] = addresses;
    callback(null, first?.address ?? "", first?.family ?? 0);
  });
};

/** Global unicast only: no loopback, private, link-local (metadata), shared, mapped, translated or reserved range. */
export function isPublicAddress(text: string): boolean {
  if (!ipaddr.isValid(text)) return false;
  const address = ipaddr.parse(text);
  if (address instanceof ipaddr.IPv6 && address.isIPv4MappedAddress())
    return address.toIPv4Address().range() === "unicast";
  // 2000::/3 is what is handed out; NAT64 and 6to4 carry IPv4 addresses inside and count as their own ranges.
  return address.range() === "unicast";
}
