import { createHash } from "node:crypto";

const manifestTypes = [
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
];
const patienceMs = 30_000;

/**
 * The digest of the index (all architectures) that a tag names now, worked out from the bytes that came
 * (https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pulling-manifests).
 * @throws Error when the registry does not give one, or its own word for it is another
 */
export async function findDigest(image: { registry: string; repository: string; tag: string }): Promise<string> {
  const url = `${image.registry}/v2/${image.repository}/manifests/${image.tag}`;
  const headers = { accept: manifestTypes.join(", ") };
  let answer = await ask(url, headers);
  if (answer.status === 401) {
    const token = await findToken(url, answer.headers.get("www-authenticate") ?? "");
    answer = await ask(url, { ...headers, authorization: `Bearer ${token}` });
  }
  if (!answer.ok) throw new Error(`${url} answers ${answer.status}; is the registry reachable, and the name right?`);
  const type = answer.headers.get("content-type")?.split(";")[0] ?? "";
  if (!manifestTypes.includes(type)) throw new Error(`${url} is ${type}, not an index of all architectures.`);
  const bytes = Buffer.from(await answer.arrayBuffer());
  const digest = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
  const said = answer.headers.get("docker-content-digest") ?? digest;
  if (said !== digest) throw new Error(`${url} says that it is ${said}, and what came is ${digest}.`);
  return digest;
}

/** A token for reading without an account, where the registry says that it wants one. */
async function findToken(asked: string, challenge: string): Promise<string> {
  const part = (name: string): string => new RegExp(`${name}="([^"]*)"`).exec(challenge)?.[1] ?? "";
  const url = URL.parse(part("realm"));
  if (!/^bearer /i.test(challenge) || url === null) {
    throw new Error(`${asked} wants an account; only a registry that can be read without one is asked.`);
  }
  url.searchParams.set("service", part("service"));
  url.searchParams.set("scope", part("scope"));
  const answer = await ask(url.href, {});
  const { token } = (await answer.json().catch(() => ({}))) as { token?: unknown };
  if (typeof token !== "string") throw new Error(`${url.origin} gave no token (${answer.status}).`);
  return token;
}

async function ask(url: string, headers: Readonly<Record<string, string>>): Promise<Response> {
  try {
    return await fetch(url, { headers, signal: AbortSignal.timeout(patienceMs) });
  } catch (cause) {
    const { code, message } = ((cause as Error).cause ?? cause) as NodeJS.ErrnoException;
    throw new Error(`${new URL(url).origin} does not answer (${code ?? message}); check the network.`, { cause });
  }
}
