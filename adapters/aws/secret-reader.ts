import { GetParameterCommand, ParameterNotFound, SSMClient } from "@aws-sdk/client-ssm";
import type { SecretReader } from "../../core/cloud-ports.ts";
import type { Permission } from "../../core/permission.ts";
import type { Clock } from "../../core/ports.ts";

export const secretReaderPermissions: readonly Permission[] = [{ action: "ssm:GetParameter", resource: "parameters" }];

/** A secret that is changed is taken over within this. */
const keptMs = 5 * 60_000;
/** What a deployment puts where the true value is set by hand later. */
const placeholders: ReadonlySet<string> = new Set(["", "unset", "placeholder"]);

/**
 * SecureString parameters below `prefix`, kept for five minutes.
 * @param prefix such as `/mixdown/dev`, without a slash at the end
 */
export function createSsmSecretReader(prefix: string, clock: Clock): SecretReader {
  let made: SSMClient | undefined;
  const client = (): SSMClient => {
    made ??= new SSMClient({});
    return made;
  };
  const kept = new Map<string, { readonly value: Promise<string | undefined>; readonly until: number }>();

  async function read(name: string): Promise<string | undefined> {
    try {
      const command = new GetParameterCommand({ Name: `${prefix}/${name}`, WithDecryption: true });
      const value = (await client().send(command)).Parameter?.Value ?? "";
      return placeholders.has(value.trim().toLowerCase()) ? undefined : value;
    } catch (error) {
      if (error instanceof ParameterNotFound) return undefined;
      throw error;
    }
  }

  return {
    get(name) {
      const standing = kept.get(name);
      if (standing !== undefined && standing.until > clock.now()) return standing.value;
      const value = read(name);
      kept.set(name, { value, until: clock.now() + keptMs });
      // What could not be read is asked for again.
      value.catch(() => kept.delete(name));
      return value;
    },
  };
}
