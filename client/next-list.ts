import { MixdownApiError } from "./api-error.ts";
import { ownsJob } from "./next-ownership.ts";
import type { PublicJob } from "./types.ts";

export interface JobPage {
  readonly jobs: readonly PublicJob[];
  readonly next: string | null;
}

/** Pages of the platform that one call looks through; a user whose jobs stand further back asks again by `next`. */
const pagesAtOnce = 5;
const ivBytes = 12;

/**
 * One page of a user's own jobs among those of all users. It may be shorter than asked for, or empty, while `next` says
 * that there is more: the platform knows the app as one caller, so jobs are picked here. `next` is sealed for the
 * user, since it names the job before, which may be somebody else's.
 */
export async function listOwnJobs(
  query: URLSearchParams,
  user: Readonly<Record<string, string>>,
  secret: string,
  fetchPage: (query: URLSearchParams) => Promise<JobPage>,
): Promise<JobPage> {
  const asked = new URLSearchParams([...query].filter(([name]) => ["status", "kind", "limit"].includes(name)));
  const seal = await openSeal(secret, user);
  const sealed = query.get("cursor");
  let cursor = sealed === null ? null : await seal.open(sealed);
  for (let page = 1; ; page += 1) {
    if (cursor !== null) asked.set("cursor", cursor);
    const { jobs, next } = await fetchPage(asked);
    const own = jobs.filter((job) => ownsJob(user, job));
    if (own.length > 0 || next === null || page === pagesAtOnce) {
      return { jobs: own, next: next === null ? null : await seal.close(next) };
    }
    cursor = next;
  }
}

/** AES-GCM under a key that belongs to this user and this server. */
async function openSeal(secret: string, user: Readonly<Record<string, string>>) {
  const encoder = new TextEncoder();
  const entries = Object.entries(user).sort(([a], [b]) => (a < b ? -1 : 1));
  const bytes = await crypto.subtle.digest("SHA-256", encoder.encode(JSON.stringify(["cursor", secret, entries])));
  const key = await crypto.subtle.importKey("raw", bytes, "AES-GCM", false, ["encrypt", "decrypt"]);
  return {
    async close(text: string): Promise<string> {
      const iv = crypto.getRandomValues(new Uint8Array(ivBytes));
      const sealed = new Uint8Array(await crypto.subtle.encrypt({ name: "AES-GCM", iv }, key, encoder.encode(text)));
      return [...iv, ...sealed].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    },
    async open(text: string): Promise<string> {
      try {
        const whole = Uint8Array.from(
          text.match(/^(?:[0-9a-f]{2})+$/) === null ? [] : (text.match(/../g) ?? []),
          (hex) => Number.parseInt(hex, 16),
        );
        const [iv, sealed] = [whole.subarray(0, ivBytes), whole.subarray(ivBytes)];
        return new TextDecoder().decode(await crypto.subtle.decrypt({ name: "AES-GCM", iv }, key, sealed));
      } catch {
        const detail = "The cursor is not one of this list; start again from the first page.";
        throw new MixdownApiError({
          code: "invalid_cursor",
          status: 400,
          title: detail,
          detail,
          retryable: false,
          hint: "",
        });
      }
    },
  };
}
