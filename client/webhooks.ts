/** What a webhook tells: see the event types in the API's reference. */
export interface WebhookEvent {
  readonly type: string;
  readonly timestamp: string;
  readonly data: Readonly<Record<string, unknown>>;
}

export class WebhookVerificationError extends Error {
  override readonly name = "WebhookVerificationError";
}

export interface VerifyOptions {
  /** How far the sender's clock may be off, seconds. @default 300 */
  readonly toleranceSeconds?: number;
}

/** A request's headers in any of the shapes that frameworks give them. */
export type WebhookHeaders = Headers | Readonly<Record<string, string | readonly string[] | undefined>>;

/**
 * Checks a webhook by Standard Webhooks (github.com/standard-webhooks/standard-webhooks, spec v1: HMAC-SHA256 over
 * `id.timestamp.body`) and returns its event.
 * @param body the request's body exactly as it came, before any JSON parser
 * @param secret `whsec_…`; while it is rotated, the old and the new one
 * @throws WebhookVerificationError
 */
export async function verifyWebhook(
  body: string | Uint8Array,
  headers: WebhookHeaders,
  secret: string | readonly string[],
  { toleranceSeconds = 300 }: VerifyOptions = {},
): Promise<WebhookEvent> {
  const id = readHeader(headers, "webhook-id");
  const timestamp = readHeader(headers, "webhook-timestamp");
  const seconds = /^\d{1,12}$/.test(timestamp) ? Number(timestamp) : Number.NaN;
  const ageSeconds = Date.now() / 1_000 - seconds;
  if (!(Math.abs(ageSeconds) <= toleranceSeconds)) {
    throw new WebhookVerificationError(
      `webhook-timestamp is ${JSON.stringify(timestamp.slice(0, 20))}, more than ${toleranceSeconds} s from now.`,
    );
  }
  const encoder = new TextEncoder();
  const content = typeof body === "string" ? encoder.encode(body) : body;
  const head = encoder.encode(`${id}.${timestamp}.`);
  const signed = new Uint8Array(head.length + content.length);
  signed.set(head);
  signed.set(content, head.length);
  const signatures = readHeader(headers, "webhook-signature")
    .split(" ")
    .flatMap((one) => (one.startsWith("v1,") ? [decodeBase64(one.slice(3))] : []));
  for (const one of [secret].flat()) {
    const key = await importSecret(one);
    for (const signature of signatures) {
      // The comparison in `verify` takes the same time for every wrong signature.
      if (signature !== null && (await crypto.subtle.verify("HMAC", key, signature, signed))) {
        return JSON.parse(new TextDecoder().decode(content)) as WebhookEvent;
      }
    }
  }
  throw new WebhookVerificationError("No signature in webhook-signature matches the secret.");
}

function readHeader(headers: WebhookHeaders, name: string): string {
  const value =
    headers instanceof Headers
      ? headers.get(name)
      : Object.entries(headers).find(([given]) => given.toLowerCase() === name)?.[1];
  const first = typeof value === "string" ? value : value?.[0];
  if (first === undefined || first === "") throw new WebhookVerificationError(`The header ${name} is missing.`);
  return first;
}

function importSecret(secret: string) {
  const bytes = decodeBase64(secret.replace(/^whsec_/, ""));
  if (bytes === null || bytes.length === 0)
    throw new WebhookVerificationError("The secret is not of the form whsec_….");
  return crypto.subtle.importKey("raw", bytes, { name: "HMAC", hash: "SHA-256" }, false, ["verify"]);
}

function decodeBase64(text: string): Uint8Array<ArrayBuffer> | null {
  try {
    return Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
  } catch {
    return null;
  }
}
