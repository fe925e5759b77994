import { type Attributes, findBeside, type PolicyRule, readBlock, readBlocks, readText, refersTo } from "./rule.ts";

const functions = ["aws_lambda_function"];
const tasks = ["aws_ecs_task_definition"];
const secretName = /(SECRET|PASSWORD|PASSWD|TOKEN|CREDENTIAL|PRIVATE_KEY|API_KEY|SERVICE_KEY|ACCESS_KEY)/i;
const secretValue = /(AKIA|ASIA)[A-Z0-9]{16}|-----BEGIN [A-Z ]*PRIVATE KEY-----|mxd_[A-Za-z0-9]+_[A-Za-z0-9]+|whsec_/;

interface Container {
  readonly name?: string;
  readonly image?: string;
  readonly user?: string;
  readonly readonlyRootFilesystem?: boolean;
  readonly logConfiguration?: unknown;
  readonly environment?: readonly { readonly name: string; readonly value: string }[];
}

const readContainers = (config: Attributes): readonly Container[] =>
  JSON.parse(readText(config, "container_definitions") || "[]") as Container[];

const findSecret = (variables: Iterable<readonly [string, unknown]>): string | undefined => {
  for (const [name, value] of variables) {
    if (secretName.test(name) || secretValue.test(String(value))) return `shows ${name} in its plain environment`;
  }
  return undefined;
};

export const runRules: readonly PolicyRule[] = [
  {
    name: "function-logs",
    types: functions,
    findFault: ({ config }, all) => {
      const named = readBlock(config, "logging_config")?.log_group;
      const found = all.some((other) => other.type === "aws_cloudwatch_log_group" && refersTo(named, other));
      return found ? undefined : "has no log group of its own";
    },
    fix: "Make the group with createLogGroup and name it in logging_config.",
  },
  {
    name: "function-traced",
    types: functions,
    findFault: ({ config }) =>
      readText(readBlock(config, "tracing_config"), "mode") === "Active" ? undefined : "is not traced",
    fix: 'Set tracing_config.mode to "Active".',
  },
  {
    name: "function-architecture",
    types: functions,
    findFault: ({ config }) =>
      Array.isArray(config.architectures) && config.architectures.length === 1
        ? undefined
        : "leaves its processor to AWS",
    fix: "Set architectures.",
  },
  {
    name: "function-no-plain-secret",
    types: functions,
    findFault: ({ config }) => findSecret(Object.entries(readBlock(config, "environment")?.variables ?? {})),
    fix: "Put it into a SecureString under /mixdown/<env>/ and read it from there.",
  },
  {
    name: "task-no-plain-secret",
    types: tasks,
    findFault: ({ config }) =>
      readContainers(config)
        .map(({ environment = [] }) => findSecret(environment.map(({ name, value }) => [name, value] as const)))
        .find((fault) => fault !== undefined),
    fix: "Put it into a SecureString and name it under `secrets`.",
  },
  {
    name: "task-confined",
    types: tasks,
    findFault: ({ config }) => {
      const loose = readContainers(config).find(
        ({ user, readonlyRootFilesystem, logConfiguration }) =>
          user === undefined || /^(root|0)(:|$)/.test(user) || readonlyRootFilesystem !== true || !logConfiguration,
      );
      return loose === undefined ? undefined : `runs ${loose.name} as root, on a writable root, or without a log`;
    },
    fix: "Make it with createWorkerTask.",
  },
  {
    name: "task-image-by-digest",
    types: tasks,
    findFault: ({ config }) => {
      const tagged = readContainers(config).find(({ image = "" }) => !/@sha256:[0-9a-f]{64}$/.test(image));
      return tagged === undefined ? undefined : `runs ${tagged.image} by a tag`;
    },
    fix: "Name the image by its digest (createWorkerImage does).",
  },
  {
    name: "task-architecture",
    types: tasks,
    findFault: ({ config }) =>
      readText(readBlock(config, "runtime_platform"), "cpu_architecture") === ""
        ? "leaves its processor to AWS"
        : undefined,
    fix: "Set runtime_platform.cpu_architecture.",
  },
  {
    name: "log-retention",
    types: ["aws_cloudwatch_log_group"],
    findFault: ({ config }) => (Number(config.retention_in_days ?? 0) > 0 ? undefined : "keeps its entries for ever"),
    fix: "Make it with createLogGroup.",
  },
  {
    name: "instance-hardened",
    types: ["aws_launch_template"],
    findFault: ({ config }) => {
      if (readText(readBlock(config, "metadata_options"), "http_tokens") !== "required") return "allows IMDSv1";
      const plain = readBlocks(config, "block_device_mappings").some(
        (mapping) => readText(readBlock(mapping, "ebs"), "encrypted") !== "true",
      );
      if (plain) return "has a disk that is not encrypted";
      const tagged = readBlocks(config, "tag_specifications").map((one) => readText(one, "resource_type"));
      return ["instance", "volume"].every((type) => tagged.includes(type))
        ? undefined
        : "leaves instances or volumes untagged";
    },
    fix: "Require tokens, encrypt its disks, and give tag_specifications for instance and volume.",
  },
  {
    name: "security-group-closed",
    types: ["aws_vpc_security_group_ingress_rule", "aws_security_group_rule"],
    findFault: ({ type, config }) => {
      if (type === "aws_security_group_rule" && readText(config, "type") !== "ingress") return undefined;
      const open = JSON.stringify([config.cidr_ipv4, config.cidr_ipv6, config.cidr_blocks, config.ipv6_cidr_blocks]);
      return /"(0\.0\.0\.0\/0|::\/0)"/.test(open) ? "lets the whole internet in" : undefined;
    },
    fix: "Name a group or the network's own addresses.",
  },
  {
    name: "default-group-closed",
    types: ["aws_vpc"],
    findFault: (resource, all) =>
      findBeside(all, "aws_default_security_group", "vpc_id", resource) === undefined
        ? "leaves its default security group open"
        : undefined,
    fix: "Adopt it with an aws_default_security_group without rules.",
  },
];
