import { EphemeralAwsSecretsmanagerRandomPassword } from "@cdktn/provider-aws/lib/ephemeral-aws-secretsmanager-random-password/index.js";
import { SsmParameter } from "@cdktn/provider-aws/lib/ssm-parameter/index.js";
import type { Construct } from "constructs";

/** Letters and digits: 64 of them are 381 bits. */
const secretLength = 64;

/**
 * A SecureString that AWS itself makes up on the first apply. The value passes through Terraform without being written:
 * neither plan nor state has it. Raise `version` to have another one.
 */
export function createGeneratedSecret(
  scope: Construct,
  id: string,
  props: {
    readonly name: string;
    readonly description: string;
    readonly keyArn: string | undefined;
    readonly version: number;
  },
): SsmParameter {
  const value = new EphemeralAwsSecretsmanagerRandomPassword(scope, `${id}-value`, {
    passwordLength: secretLength,
    excludePunctuation: true,
    includeSpace: false,
  });
  return new SsmParameter(scope, id, {
    name: props.name,
    description: props.description,
    type: "SecureString",
    ...(props.keyArn === undefined ? {} : { keyId: props.keyArn }),
    valueWo: value.randomPassword,
    valueWoVersion: props.version,
  });
}
