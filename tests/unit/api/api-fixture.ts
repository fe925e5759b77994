import { createHash } from "node:crypto";
import { createSqliteApiKeyStore } from "../../../adapters/embedded/api-key-store.ts";
import { openDatabase } from "../../../adapters/embedded/database.ts";
import { createMemoryRateLimiter } from "../../../adapters/embedded/rate-limiter.ts";
import { createSqliteWebhookStore } from "../../../adapters/embedded/webhook-store.ts";
import { createApi } from "../../../api/app.ts";
import type { ApiDeps, ApiSettings } from "../../../api/deps.ts";
import { createApiKey } from "../../../core/api-keys.ts";
import type { ApiScope, TransferSigner } from "../../../core/api-ports.ts";
import { MixdownError } from "../../../core/errors.ts";
import { World } from "../core/model/world.ts";

const noUpload = (uploadId: string): MixdownError =>
  new MixdownError("upload_not_found", { message: `No ${uploadId}.` });

/** URLs that lead nowhere, and uploads without parts: the transfers have tests of their own. */
const createTransfers = (begun = new Map<string, string>()): TransferSigner => ({
  presignUpload: async ({ key, contentType }) => ({
    method: "PUT",
    url: `https://files.example/${encodeURIComponent(key)}`,
    headers: { "content-type": contentType },
    expiresAt: "2026-11-01T00:15:00.000Z",
  }),
  presignForm: async ({ key, contentType }) => ({
    url: "https://files.example/",
    fields: { key, "content-type": contentType },
    expiresAt: "2026-11-01T00:15:00.000Z",
  }),
  presignDownload: async ({ key }) => ({
    url: `https://files.example/${encodeURIComponent(key)}`,
    expiresAt: "2026-11-01T01:00:00.000Z",
  }),
  createMultipart: async ({ key }) => {
    const uploadId = createHash("md5").update(key).digest("hex");
    begun.set(uploadId, key);
    return { key, uploadId };
  },
  presignPart: async ({ key }, partNumber) => ({
    url: `https://files.example/${encodeURIComponent(key)}/${partNumber}`,
    expiresAt: "2026-11-01T00:15:00.000Z",
  }),
  listParts: async ({ uploadId, key }) => {
    if (begun.get(uploadId) !== key) throw noUpload(uploadId);
    return [];
  },
  completeMultipart: async ({ uploadId, key }) => {
    if (begun.get(uploadId) !== key) throw noUpload(uploadId);
    return { key, sizeBytes: 0, etag: "none", contentType: "audio/wav", sha256: null, modifiedAt: 0 };
  },
  abortMultipart: async ({ uploadId }) => void begun.delete(uploadId),
  sweepMultipart: async () => 0,
});

/** The real app over the model of a platform: real stores, no workers of its own. */
export class ApiFixture {
  readonly world = new World();
  readonly #database = openDatabase(":memory:");
  readonly faults: unknown[] = [];
  readonly #clock = { now: () => this.world.nowMs };
  readonly keys = createSqliteApiKeyStore(this.#database);
  readonly app: ReturnType<typeof createApi>;
  readonly deps: ApiDeps;

  constructor(settings: Partial<ApiSettings> = {}) {
    this.world.objects.put("raw/local/1/a.wav", "a");
    this.world.objects.put("raw/acme/1/a.wav", "acme's");
    this.deps = {
      platform: this.world.process(),
      transfers: createTransfers(),
      keys: this.keys,
      webhooks: createSqliteWebhookStore(this.#database),
      limiter: createMemoryRateLimiter(this.#clock),
      settings: {
        access: "loopback",
        corsOrigins: [],
        rateLimit: null,
        patienceMs: 300,
        watchMs: 5,
        onFault: (error) => this.faults.push(error),
        // The suite finds what a deployment's callers would: an answer that its description does not promise.
        checkResponses: true,
        ...settings,
      },
    };
    this.app = createApi(this.deps);
  }

  async createKey(owner: string, scopes?: readonly ApiScope[], days?: number): Promise<string> {
    const { key } = await createApiKey({ keys: this.keys, clock: this.#clock }, { owner, name: "test", scopes, days });
    return key;
  }

  /** One request; `body` that is not a string is sent as JSON. */
  request(
    method: string,
    path: string,
    options: { body?: unknown; headers?: Record<string, string>; key?: string } = {},
  ) {
    const headers = new Headers({ host: "localhost", ...options.headers });
    if (options.key !== undefined) headers.set("authorization", `Bearer ${options.key}`);
    const { body } = options;
    if (body !== undefined && !headers.has("content-type")) headers.set("content-type", "application/json");
    return this.app.request(`http://localhost${path}`, {
      method,
      headers,
      ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
  }

  close(): void {
    this.world.close();
    this.#database.close();
  }
}
