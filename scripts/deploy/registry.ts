import { ECRClient, GetAuthorizationTokenCommand } from "@aws-sdk/client-ecr";
import { MixdownError } from "../../core/errors.ts";

const manifestTypes = [
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.v2+json",
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
].join(", ");

const patienceMs = 20_000;

/** A registry, and a credential of twelve hours for it. */
export interface Registry {
  /** `https://ACCOUNT.dkr.ecr.REGION.amazonaws.com`. */
  readonly url: string;
  /** Where the builder pushes to: the same without its scheme. */
  readonly host: string;
  readonly user: string;
  readonly password: string;
  /**
   * The digest that a tag names, or the digest itself when it is there; null when it is not.
   * @throws MixdownError `platform_unreachable`, `auth_forbidden`
   */
  find(repository: string, reference: string): Promise<string | null>;
}

/** @throws MixdownError `auth_forbidden` when ECR gives no token */
export async function openRegistry(region: string): Promise<Registry> {
  const client = new ECRClient({ region });
  const { authorizationData } = await client
    .send(new GetAuthorizationTokenCommand({}))
    .catch((thrown: Error) => refuse(`ECR gives no token to push with (${thrown.name}: ${thrown.message})`, thrown))
    .finally(() => client.destroy());
  const { authorizationToken = "", proxyEndpoint = "" } = authorizationData?.[0] ?? {};
  const [user = "", ...password] = Buffer.from(authorizationToken, "base64").toString().split(":");
  const url = proxyEndpoint.replace(/\/$/, "");
  return {
    url,
    host: url.replace(/^https?:\/\//, ""),
    user,
    password: password.join(":"),
    async find(repository, reference) {
      const answer = await ask(`${url}/v2/${repository}/manifests/${reference}`, authorizationToken);
      if (answer.status === 404) return null;
      if (answer.status === 401 || answer.status === 403) {
        return refuse(`${url} does not let ${repository} be read (${answer.status})`, answer);
      }
      const digest = answer.headers.get("docker-content-digest");
      if (answer.ok && digest !== null) return digest;
      throw new MixdownError("platform_unreachable", {
        message: `${url} answers ${answer.status} when asked for ${repository}:${reference}; try again.`,
      });
    },
  };
}

async function ask(url: string, token: string): Promise<Response> {
  const headers = { accept: manifestTypes, authorization: `Basic ${token}` };
  try {
    return await fetch(url, { method: "HEAD", headers, signal: AbortSignal.timeout(patienceMs) });
  } catch (cause) {
    throw new MixdownError("platform_unreachable", {
      message: `${new URL(url).origin} does not answer; check the network, then run the same command again.`,
      cause,
    });
  }
}

function refuse(what: string, cause: unknown): never {
  throw new MixdownError("auth_forbidden", {
    message: `${what}; the deployer needs ecr:GetAuthorizationToken and the layers' calls (docs/deployer.md).`,
    cause,
  });
}
