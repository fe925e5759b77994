import { IamGroup } from "@cdktn/provider-aws/lib/iam-group/index.js";
import { IamGroupPolicy } from "@cdktn/provider-aws/lib/iam-group-policy/index.js";
import { IamRole } from "@cdktn/provider-aws/lib/iam-role/index.js";
import { IamRolePolicy } from "@cdktn/provider-aws/lib/iam-role-policy/index.js";
import { IamUser } from "@cdktn/provider-aws/lib/iam-user/index.js";
import { IamUserGroupMembership } from "@cdktn/provider-aws/lib/iam-user-group-membership/index.js";
import type { StorageStack } from "../storage.ts";
import type { EnvironmentStack } from "./environment-stack.ts";
import { buildPolicy, type PolicyStatement } from "./policy-document.ts";

/** A signed URL can do what its signer can: put uploads, get results, nothing else. */
const buildStatements = ({ raw, derived, key }: StorageStack): readonly PolicyStatement[] => [
  {
    sid: "Uploads",
    actions: ["s3:AbortMultipartUpload", "s3:GetObject", "s3:ListMultipartUploadParts", "s3:PutObject"],
    resources: [`${raw.arn}/raw/*`],
  },
  { sid: "Results", actions: ["s3:GetObject"], resources: [`${derived.arn}/outputs/*`, `${derived.arn}/cache/*`] },
  ...(key === undefined ? [] : [{ sid: "Key", actions: ["kms:Decrypt", "kms:GenerateDataKey"], resources: [key.arn] }]),
];

/** For front ends of this account that sign URLs themselves: whoever may assume it by a policy of their own. */
export function createPresignRole(stack: EnvironmentStack, storage: StorageStack): IamRole {
  const role = new IamRole(stack, "presign-role", {
    name: stack.globalNameOf("presign"),
    description: `Mixdown ${stack.environment.name}: signs uploads and downloads`,
    assumeRolePolicy: buildPolicy([
      { principals: { AWS: `arn:${stack.partition}:iam::${stack.accountId}:root` }, actions: ["sts:AssumeRole"] },
    ]),
    maxSessionDuration: 3_600,
  });
  new IamRolePolicy(stack, "presign-policy", {
    name: "presign",
    role: role.name,
    policy: buildPolicy(buildStatements(storage)),
  });
  return role;
}

/** For front ends of other places that know nothing but keys. Its key is made by hand: state would keep the secret. */
export function createPresignUser(stack: EnvironmentStack, storage: StorageStack): IamUser {
  const name = stack.globalNameOf("presign");
  const user = new IamUser(stack, "presign-user", { name, forceDestroy: true });
  // What users may is said of their group: a second key's user is then one more member.
  const group = new IamGroup(stack, "presign-group", { name });
  new IamUserGroupMembership(stack, "presign-membership", { user: user.name, groups: [group.name] });
  new IamGroupPolicy(stack, "presign-group-policy", {
    name: "presign",
    group: group.name,
    policy: buildPolicy(buildStatements(storage)),
  });
  return user;
}
