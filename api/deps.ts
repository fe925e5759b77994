import type { ApiKeyStore, RateLimiter, TransferSigner } from "../core/api-ports.ts";
import type { CallScheduler } from "../core/cloud-ports.ts";
import type { Platform } from "../core/platform.ts";
import type { WebhookStore } from "../core/webhook-ports.ts";

/** What the HTTP app speaks to. The composition roots fill it. */
export interface ApiDeps {
  readonly platform: Platform;
  readonly transfers: TransferSigner;
  readonly keys: ApiKeyStore;
  readonly limiter: RateLimiter;
  readonly webhooks: WebhookStore;
  /** By which deliveries are sent where nobody looks for what is due. */
  readonly calls?: CallScheduler | undefined;
  readonly settings: ApiSettings;
}

export interface ApiSettings {
  /**
   * `loopback`: no credential is asked for, and everything that a web page of somebody else could send is refused.
   * `keys`: every request carries a key or a token.
   */
  readonly access: "loopback" | "keys";
  /** Origins that may call from a browser. Never `*` together with credentials. */
  readonly corsOrigins: readonly string[];
  /** Tokens of an identity provider, checked against its published keys. */
  readonly jwt?: JwtSettings | undefined;
  /** Requests an owner may make. `null`: not limited (load tests). */
  readonly rateLimit: { readonly burst: number; readonly perSecond: number } | null;
  /** How long `/stitch` and `/mix` wait for their job before they answer 202, milliseconds. */
  readonly patienceMs: number;
  /** Told of every internal fault, which the caller is not. */
  readonly onFault?: (error: unknown) => void;
  /** How often a watched job is looked at, milliseconds. */
  readonly watchMs: number;
}

export interface JwtSettings {
  readonly jwksUrl: string;
  readonly issuer: string;
  readonly audience: string;
  /** Claim that names the owner. */
  readonly ownerClaim: string;
}
