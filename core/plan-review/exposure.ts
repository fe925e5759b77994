import { readPolicies } from "./access.ts";
import type { ResourceChange } from "./plan.ts";
import { isPublic } from "./policy-grants.ts";
import { isHidden, isRecord, itemsOf, readPath, type Shown, walkLeaves } from "./shown-value.ts";

export interface ExposureChange {
  readonly opened: readonly string[];
  readonly closed: readonly string[];
  /** Known after apply only, or hidden as sensitive; a gate counts it as opened. */
  readonly unclear: readonly string[];
}

type Find = (value: Shown) => readonly string[];
const unclearMark = "?";
const unclear = (what: string): string => `${unclearMark}${what}`;

/** `isComputed`: the provider fills in what is not configured, so that not knowing it yet says nothing. */
const flag =
  (path: string, says: string, { isComputed = false } = {}): Find =>
  (value) => {
    const at = readPath(value, path);
    return at === true ? [says] : isHidden(at) && !isComputed ? [unclear(says)] : [];
  };

/** 0.0.0.0/0, and halves and eighths of the internet that come to the same; 10.0.0.0/8 is not among them. */
const isWorld = (cidr: Shown): boolean => typeof cidr === "string" && /\/[0-7]$/.test(cidr);

function describeIngress(rule: Shown, cidrs: readonly (Shown | undefined)[]): readonly string[] {
  const [protocol, from, to] = ["protocol", "from_port", "to_port"].map((name) => readPath(rule, name));
  const isAll = protocol === "-1" || protocol === "all" || readPath(rule, "ip_protocol") === "-1";
  const kind = protocol ?? readPath(rule, "ip_protocol") ?? "?";
  const ports = isAll
    ? "everything"
    : `${String(kind)} ${from === to ? String(from ?? "?") : `${String(from)}-${String(to)}`}`;
  return cidrs.flatMap((cidr) =>
    isHidden(cidr)
      ? [unclear(`ingress of ${ports}`)]
      : cidr !== undefined && isWorld(cidr)
        ? [`ingress of ${ports} from ${String(cidr)}`]
        : [],
  );
}

const ingressBlocks: Find = (value) =>
  itemsOf(readPath(value, "ingress")).flatMap((rule) =>
    isHidden(rule)
      ? [unclear("ingress")]
      : describeIngress(rule, [
          ...itemsOf(readPath(rule, "cidr_blocks")),
          ...itemsOf(readPath(rule, "ipv6_cidr_blocks")),
        ]),
  );

const blockFlags = ["block_public_acls", "block_public_policy", "ignore_public_acls", "restrict_public_buckets"];
const publicBlock: Find = (value) =>
  blockFlags.flatMap((name) => {
    const at = isRecord(value) ? readPath(value, name) : undefined;
    return at === true ? [] : isHidden(at) ? [unclear(`${name} off`)] : [`${name} off`];
  });

const without =
  (path: string, values: readonly string[], says: string, { isComputed = false } = {}): Find =>
  (value) => {
    const at = readPath(value, path);
    return isHidden(at) && !isComputed ? [unclear(says)] : typeof at === "string" && values.includes(at) ? [says] : [];
  };

const acls = ["public-read", "public-read-write", "authenticated-read"];
/** Groups of S3's ACLs that are everybody, and everybody with an account of AWS. */
const everybody = /acs\.amazonaws\.com\/groups\/global\/(AllUsers|AuthenticatedUsers)$/;
const namedAcl = without("acl", acls, "an ACL for everybody", { isComputed: true });
const openAcl: Find = (value) => {
  const byName = namedAcl(value);
  const byGroup = [...walkLeaves(value)].some(([, leaf]) => typeof leaf === "string" && everybody.test(leaf));
  return byName.length === 0 && byGroup ? ["an ACL for everybody"] : byName;
};

/** Through an internet gateway; what goes through NAT lets nobody in. */
const openRoute: Find = (value) => {
  const isWide = ["destination_cidr_block", "destination_ipv6_cidr_block"].some((name) => {
    const cidr = readPath(value, name);
    return cidr !== undefined && isWorld(cidr);
  });
  const gateway = readPath(value, "gateway_id");
  return isWide && (isHidden(gateway) || (typeof gateway === "string" && gateway.startsWith("igw-")))
    ? ["a route between its subnets and the internet"]
    : [];
};

const reachable = flag("publicly_accessible", "reachable from the internet");

const finders: Readonly<Record<string, Find>> = {
  aws_security_group: ingressBlocks,
  aws_default_security_group: ingressBlocks,
  aws_security_group_rule: (value) =>
    readPath(value, "type") === "ingress"
      ? describeIngress(value, [
          ...itemsOf(readPath(value, "cidr_blocks")),
          ...itemsOf(readPath(value, "ipv6_cidr_blocks")),
        ])
      : [],
  aws_vpc_security_group_ingress_rule: (value) =>
    describeIngress(
      value,
      [readPath(value, "cidr_ipv4"), readPath(value, "cidr_ipv6")].filter((one) => one !== null),
    ),
  aws_s3_bucket_public_access_block: publicBlock,
  aws_s3_account_public_access_block: publicBlock,
  aws_s3_bucket_acl: openAcl,
  aws_s3_bucket: openAcl,
  aws_route: openRoute,
  aws_cognito_identity_pool: flag("allow_unauthenticated_identities", "guests who have not signed in"),
  aws_ami_launch_permission: without("group", ["all"], "an image for everybody"),
  aws_lambda_function_url: without("authorization_type", ["NONE"], "a function URL without authorization"),
  aws_apigatewayv2_route: without("authorization_type", ["NONE"], "a route without an authorizer"),
  aws_api_gateway_method: without("authorization", ["NONE"], "a method without an authorizer"),
  aws_lambda_permission: (value) =>
    readPath(value, "principal") === "*" &&
    !["source_arn", "source_account", "principal_org_id"].some((name) => readPath(value, name))
      ? ["anyone may invoke the function"]
      : [],
  aws_subnet: flag("map_public_ip_on_launch", "public addresses for whatever starts in it"),
  aws_instance: flag("associate_public_ip_address", "a public address", { isComputed: true }),
  aws_launch_template: (value) =>
    itemsOf(readPath(value, "network_interfaces")).some((one) =>
      ["true", true].includes(readPath(one, "associate_public_ip_address") as string | boolean),
    )
      ? ["public addresses for its instances"]
      : [],
  aws_ecs_service: flag("network_configuration.0.assign_public_ip", "public addresses for its tasks"),
  aws_eip: (value) => (isRecord(value) ? ["a public address"] : []),
  aws_lb: (value) =>
    isRecord(value) && readPath(value, "internal") !== true ? ["a load balancer on the internet"] : [],
  aws_alb: (value) =>
    isRecord(value) && readPath(value, "internal") !== true ? ["a load balancer on the internet"] : [],
  aws_db_instance: reachable,
  aws_rds_cluster_instance: reachable,
  aws_redshift_cluster: reachable,
  aws_dms_replication_instance: reachable,
  aws_mq_broker: reachable,
  aws_eks_cluster: flag("vpc_config.0.endpoint_public_access", "its endpoint on the internet"),
};

/** A guard: without it everything that it closes is open, and a new one opens nothing. */
const guardTypes = new Set(["aws_s3_bucket_public_access_block", "aws_s3_account_public_access_block"]);
const maxPublicGrants = 20;

/** What everybody on the internet reaches after the change and not before, and the other way round. Pure. */
export function findExposureChange({ type, before, after }: ResourceChange): ExposureChange {
  const isGuard = guardTypes.has(type);
  const [old, fresh] = [isGuard && before === null ? [] : findAll(type, before), findAll(type, after)];
  const opened = fresh.filter((one) => !old.includes(one));
  const told = [...new Set(opened)];
  return {
    opened: told.filter((one) => !one.startsWith(unclearMark)),
    // What cannot be judged any more has not been closed.
    closed: [
      ...new Set(
        old.filter((one) => !fresh.includes(one) && !one.startsWith(unclearMark) && !fresh.includes(unclear(one))),
      ),
    ],
    unclear: told.filter((one) => one.startsWith(unclearMark)).map((one) => one.slice(unclearMark.length)),
  };
}

function findAll(type: string, value: Shown): readonly string[] {
  const isGuard = guardTypes.has(type);
  if (!isRecord(value) && !isGuard) return [];
  const found = Object.hasOwn(finders, type) ? (finders[type]?.(value) ?? []) : [];
  const grants = [...readPolicies(value).grants.values()].flat().filter(isPublic).slice(0, maxPublicGrants);
  return [
    ...found,
    ...grants.map(({ action, resource }) => `anyone may ${action}${resource === "" ? "" : ` on ${resource}`}`),
  ];
}
