import { type Direction, diffGrants } from "./diff-grants.ts";
import type { ResourceChange } from "./plan.ts";
import { type Grant, parsePolicy } from "./policy-grants.ts";
import { describeValue, isHidden, isRecord, readPath, type Shown, walkLeaves } from "./shown-value.ts";

export interface AccessChange {
  /** `unclear`: not known before apply, or hidden as sensitive; a gate counts it as widened. */
  readonly direction: Exclude<Direction, "same"> | "unclear";
  readonly attribute: string;
  readonly lines: readonly string[];
  readonly wildcards: readonly string[];
}

/** Resources that grant something by being there, and the attributes that say what. */
const grantTypes: Readonly<Record<string, readonly string[]>> = {
  aws_iam_role_policy_attachment: ["policy_arn", "role"],
  aws_iam_user_policy_attachment: ["policy_arn", "user"],
  aws_iam_group_policy_attachment: ["policy_arn", "group"],
  aws_iam_policy_attachment: ["policy_arn", "roles", "users", "groups"],
  aws_iam_role_policy_attachments_exclusive: ["policy_arns", "role_name"],
  aws_iam_access_key: ["user"],
  aws_iam_user: ["name"],
  aws_iam_user_login_profile: ["user"],
  aws_iam_user_group_membership: ["user", "groups"],
  aws_iam_group_membership: ["users", "group"],
  aws_iam_openid_connect_provider: ["url", "client_id_list"],
  aws_iam_saml_provider: ["name"],
  aws_kms_grant: ["grantee_principal", "operations"],
  aws_lambda_permission: ["principal", "action", "function_name", "source_arn", "source_account", "principal_org_id"],
  aws_lambda_layer_version_permission: ["principal", "action", "layer_name"],
  aws_ssoadmin_account_assignment: ["principal_id", "permission_set_arn", "target_id"],
  aws_ram_principal_association: ["principal", "resource_share_arn"],
  azurerm_role_assignment: ["principal_id", "role_definition_name", "scope"],
};
const googleGrant = /^google_.*_iam_(member|binding|policy)$/;
const googleAttributes = ["role", "member", "members", "policy_data"];

/** Attributes that carry a policy even where its text cannot be read. */
const policyName =
  /^(policy|policy_document|policy_text|assume_role_policy|access_policies|resource_policy|key_policy|inline_policy)$/;

/** What a change lets someone do that they could not, or the other way round. Pure. */
export function findAccessChanges(change: ResourceChange): readonly AccessChange[] {
  const { type, before, after } = change;
  const named = Object.hasOwn(grantTypes, type)
    ? grantTypes[type]
    : googleGrant.test(type)
      ? googleAttributes
      : undefined;
  return [
    ...(named === undefined ? [] : diffPresence(named, before, after)),
    ...(type === "aws_iam_role" || type === "aws_iam_user" ? diffPrincipal(before, after) : []),
    ...diffPolicies(change),
  ];
}

function diffPresence(named: readonly string[], before: Shown, after: Shown): readonly AccessChange[] {
  const describe = (value: Shown): string | null =>
    isRecord(value)
      ? named
          .map((name) => [name, readPath(value, name)] as const)
          .filter(([, one]) => one !== undefined && one !== null)
          .map(([name, one]) => `${name}=${Array.isArray(one) ? one.map(plain).join(",") : plain(one ?? null)}`)
          .join(" ")
      : null;
  const [old, fresh] = [describe(before), describe(after)];
  if (old === fresh) return [];
  const lines = [...(old === null ? [] : [`- ${old}`]), ...(fresh === null ? [] : [`+ ${fresh}`])];
  const direction = old === null ? "widened" : fresh === null ? "narrowed" : "both";
  return [{ direction, attribute: named[0] ?? "", lines, wildcards: [] }];
}

/** Managed policies and the boundary of a role or user. */
function diffPrincipal(before: Shown, after: Shown): readonly AccessChange[] {
  if (!isRecord(before) || !isRecord(after)) return [];
  const arns = (value: Shown): readonly string[] => {
    const list = readPath(value, "managed_policy_arns");
    return Array.isArray(list) ? list.map(plain) : [];
  };
  const [old, fresh] = [new Set(arns(before)), new Set(arns(after))];
  const gone = [...old].filter((arn) => !fresh.has(arn)).map((arn) => `- ${arn}`);
  const come = [...fresh].filter((arn) => !old.has(arn)).map((arn) => `+ ${arn}`);
  const changes: AccessChange[] = [];
  if (gone.length + come.length > 0) {
    const direction = gone.length === 0 ? "widened" : come.length === 0 ? "narrowed" : "both";
    changes.push({ direction, attribute: "managed_policy_arns", lines: [...gone, ...come], wildcards: [] });
  }
  const [was, is] = [readPath(before, "permissions_boundary") || null, readPath(after, "permissions_boundary") || null];
  if (was !== is) {
    const lines = [...(was === null ? [] : [`- ${plain(was)}`]), ...(is === null ? [] : [`+ ${plain(is)}`])];
    const direction = is === null ? "widened" : was === null ? "narrowed" : "both";
    changes.push({ direction, attribute: "permissions_boundary", lines, wildcards: [] });
  }
  return changes;
}

function diffPolicies({ type, before, after }: ResourceChange): readonly AccessChange[] {
  const [old, fresh] = [readPolicies(before), readPolicies(after)];
  const attributes = new Set([
    ...old.grants.keys(),
    ...fresh.grants.keys(),
    ...old.hidden.keys(),
    ...fresh.hidden.keys(),
  ]);
  return [...attributes].flatMap((attribute): readonly AccessChange[] => {
    const hidden = fresh.hidden.get(attribute) ?? old.hidden.get(attribute);
    const grants = [old.grants.get(attribute) ?? [], fresh.grants.get(attribute) ?? []] as const;
    if (hidden === undefined) {
      const diff = diffGrants(...grants);
      return diff.direction === "same" ? [] : [{ ...diff, direction: diff.direction, attribute }];
    }
    // Computed by the provider when nothing is configured: a new queue's own `policy`, say.
    if (old.grants.get(attribute) === undefined && !old.hidden.has(attribute) && !carriesPolicy(type, attribute))
      return [];
    return [{ direction: "unclear", attribute, lines: [describeValue(hidden)], wildcards: [] }];
  });
}

const carriesPolicy = (type: string, attribute: string): boolean =>
  type.startsWith("aws_iam_") || /_polic(y|ies)(_|$)/.test(type) || attribute === "assume_role_policy";

/** A resource's policies by attribute, the entries of a list together: their order means nothing. */
export function readPolicies(value: Shown): {
  readonly grants: ReadonlyMap<string, readonly Grant[]>;
  readonly hidden: ReadonlyMap<string, Shown>;
} {
  const grants = new Map<string, readonly Grant[]>();
  const hidden = new Map<string, Shown>();
  for (const [path, leaf] of walkLeaves(value)) {
    const attribute = path.replaceAll(/\[\d+\]/g, "");
    if (isHidden(leaf) && attribute.split(".").some((name) => policyName.test(name))) hidden.set(attribute, leaf);
    const found = typeof leaf === "string" ? parsePolicy(leaf) : null;
    if (found !== null) grants.set(attribute, [...(grants.get(attribute) ?? []), ...found]);
  }
  return { grants, hidden };
}

const plain = (value: Shown): string => (typeof value === "string" ? value : describeValue(value));
