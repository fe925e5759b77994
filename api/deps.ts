import type { ApiKeyStore, RateLimiter, TransferSigner } from "../core/api-ports.ts";
import type { CallScheduler } from "../core/cloud-ports.ts";
import type { Platform } from "../core/platform.ts";
import type { WebhookStore } from "../core/webhook-ports.ts";

/** What it takes to find out who calls. */
export interface IdentityDeps {
  readonly platform: Pick<Platform, "clock" | "settings">;
  readonly keys: ApiKeyStore;
  readonly settings: Pick<ApiSettings, "access" | "jwt">;
}

/** What the streaming part of the app speaks to, where it is served apart. */
export interface StreamDeps {
  readonly platform: Pick<Platform, "jobs" | "clock" | "settings">;
  readonly keys: ApiKeyStore;
  readonly limiter: RateLimiter;
  readonly settings: ApiSettings;
}

/** What the HTTP app speaks to. The composition roots fill it. */
export interface ApiDeps extends StreamDeps {
  readonly platform: Platform;
  readonly transfers: TransferSigner;
  readonly webhooks: WebhookStore;
  /** By which deliveries are sent where nobody looks for what is due. */
  readonly calls?: CallScheduler | undefined;
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
  /**
   * What we answer is collected before it goes out, as gateways do: a stream of events then ends with the first news,
   * or when the patience is over, and the reader comes back by Last-Event-ID. @default false
   */
  readonly buffered?: boolean;
  /** Told of every internal fault, which the caller is not. */
  readonly onFault?: (error: unknown) => void;
  /** Every JSON answer is held against its schema before it goes out; a time cost, so not in production. @default false */
  readonly checkResponses?: boolean;
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
