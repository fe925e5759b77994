import { HeadBucketCommand, S3Client } from "@aws-sdk/client-s3";
import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import type { Environment } from "../../config/environments.ts";
import { MixdownError } from "../../core/errors.ts";
import { say } from "./say.ts";

/** @throws MixdownError `platform_tool_missing` */
export function checkNode(): void {
  const major = Number(process.versions.node.split(".")[0]);
  if (major < 24) {
    throw new MixdownError("platform_tool_missing", {
      message: `Node is ${process.versions.node}, and 24 is needed; \`npm ci\` brings it, and npm's scripts use it.`,
    });
  }
  say(`  ok  Node ${process.versions.node}`);
}

/**
 * Whose credentials these are.
 * @returns the account
 * @throws MixdownError `auth_missing`, `auth_invalid`, `auth_forbidden` when it is not the account of the settings,
 *   `platform_unreachable`
 */
export async function checkCredentials({ name, region, account }: Environment): Promise<string> {
  const client = new STSClient({ region, maxAttempts: 2 });
  const { Account = "", Arn = "" } = await client
    .send(new GetCallerIdentityCommand({}))
    .catch((thrown: unknown) => refuseCredentials(thrown, region))
    .finally(() => client.destroy());
  if (account !== "" && account !== Account) {
    throw new MixdownError("auth_forbidden", {
      message: `The credentials (${Arn}) are of account ${Account}, and ${name} may be deployed to ${account} alone; take those of ${account}, or correct MIXDOWN_ACCOUNT.`,
    });
  }
  say(`  ok  ${Arn} in ${Account}, ${region}${account === "" ? " (MIXDOWN_ACCOUNT would pin the account)" : ""}`);
  return Account;
}

function refuseCredentials(thrown: unknown, region: string): never {
  const { name = "", message = "" } = thrown as Partial<Error>;
  const fail = (code: "auth_missing" | "auth_invalid" | "platform_unreachable", sentence: string): never => {
    throw new MixdownError(code, { message: sentence, cause: thrown });
  };
  if (/Credentials|TokenProvider/.test(name)) {
    return fail("auth_missing", `No credentials of AWS were found (${oneLine(message)}); sign in, or set AWS_PROFILE.`);
  }
  if ("$metadata" in (thrown as object) && !/ECONN|ENOTFOUND|ETIMEDOUT|Timeout/.test(`${name} ${message}`)) {
    return fail("auth_invalid", `AWS does not accept the credentials (${name}: ${oneLine(message)}); sign in again.`);
  }
  return fail(
    "platform_unreachable",
    `AWS does not answer in ${region} (${oneLine(message) || name}); check the network and the region.`,
  );
}

const oneLine = (text: string): string => text.replaceAll(/\s+/g, " ").trim().replace(/\.$/, "");

/** @throws MixdownError `usage_invalid` when the bucket of the remote state is not there or not ours */
export async function checkStateBucket({ stateBucket, stateRegion, region }: Environment): Promise<void> {
  if (stateBucket === "") return say("  ok  state in files under .state/ (docs/remote-state.md: for one person)");
  const client = new S3Client({ region: stateRegion || region, followRegionRedirects: true });
  try {
    await client.send(new HeadBucketCommand({ Bucket: stateBucket }));
    say(`  ok  state in s3://${stateBucket}`);
  } catch (thrown) {
    throw new MixdownError("usage_invalid", {
      message: `The bucket of the state, ${stateBucket}, cannot be read (${(thrown as Error).name}); make it as docs/remote-state.md says, or correct MIXDOWN_STATE_BUCKET.`,
      cause: thrown,
    });
  } finally {
    client.destroy();
  }
}
