import * as fc from "fast-check";
import { expect, test } from "vitest";
import { diffGrants } from "../../../../core/plan-review/diff-grants.ts";
import { isPublic, parsePolicy } from "../../../../core/plan-review/policy-grants.ts";
import { policy, reviewOne } from "./plan-fixtures.ts";

const allow = (Action: unknown, Resource: unknown = "*", more: object = {}) => ({
  Effect: "Allow",
  Action,
  Resource,
  ...more,
});
const deny = (Action: unknown, Resource: unknown = "*") => ({ Effect: "Deny", Action, Resource });
const grants = (text: string) => parsePolicy(text) ?? [];
const compare = (before: string, after: string) => diffGrants(grants(before), grants(after)).direction;

test.each([
  ["order", policy(allow(["s3:GetObject", "s3:PutObject"])), policy(allow(["s3:PutObject", "s3:GetObject"])), "same"],
  ["case of actions", policy(allow("S3:getobject")), policy(allow("s3:GetObject")), "same"],
  ["statements split", policy(allow(["a:B", "a:C"])), policy(allow("a:B"), allow("a:C")), "same"],
  ["a text for a list", policy(allow(["a:B"], ["r"])), policy(allow("a:B", "r")), "same"],
  ["a wildcard taken apart", policy(allow("s3:*")), policy(allow(["s3:GetObject", "s3:Put*"])), "narrowed"],
  ["a wildcard put in", policy(allow("s3:GetObject")), policy(allow("s3:Get*")), "widened"],
  ["a pattern that crosses", policy(allow("s3:*Object")), policy(allow("s3:Get*")), "both"],
  ["another resource", policy(allow("a:B", "arn:x")), policy(allow("a:B", "arn:y")), "both"],
  ["a resource under the old one", policy(allow("a:B", "arn:x/*")), policy(allow("a:B", "arn:x/raw/*")), "narrowed"],
  ["a question mark for a star", policy(allow("a:B", "arn:?")), policy(allow("a:B", "arn:*")), "widened"],
  ["a deny gone", policy(allow("a:B"), deny("a:C")), policy(allow("a:B")), "widened"],
  ["a deny come", policy(allow("a:B")), policy(allow("a:B"), deny("a:B")), "narrowed"],
  ["a condition gone", policy(allow("a:B", "*", { Condition: { Bool: { x: "1" } } })), policy(allow("a:B")), "widened"],
  [
    "a condition come",
    policy(allow("a:B")),
    policy(allow("a:B", "*", { Condition: { Bool: { x: "1" } } })),
    "narrowed",
  ],
  ["NotAction", policy(allow("a:B")), policy({ Effect: "Allow", NotAction: "iam:*", Resource: "*" }), "both"],
  [
    "a list in NotAction",
    policy({ Effect: "Allow", NotAction: ["a:B", "c:D"], Resource: "*" }),
    policy({ Effect: "Allow", NotAction: ["c:D", "a:B"], Resource: "*" }),
    "same",
  ],
])("fails when %s is misjudged", (_what, before, after, direction) => {
  expect(compare(before, after)).toBe(direction);
});

test("fails when a policy that only gains statements is not wider, or one that only loses them not narrower", () => {
  const action = fc.constantFrom("s3:GetObject", "s3:Get*", "s3:*", "*", "sqs:SendMessage", "sqs:?endMessage");
  const resource = fc.constantFrom("*", "arn:aws:s3:::b/*", "arn:aws:s3:::b/raw/*", "arn:aws:sqs:::q");
  const statement = fc.tuple(fc.array(action, { minLength: 1, maxLength: 4 }), resource).map(([a, r]) => allow(a, r));
  fc.assert(
    fc.property(fc.array(statement, { maxLength: 4 }), fc.array(statement, { maxLength: 4 }), (some, more) => {
      const [small, large] = [policy(...some), policy(...some, ...more)];
      expect(["same", "widened"]).toContain(compare(small, large));
      expect(["same", "narrowed"]).toContain(compare(large, small));
      expect(compare(small, small)).toBe("same");
    }),
  );
});

test("fails when an old pattern is said to cover a name that it does not match", () => {
  const text = fc.array(fc.constantFrom("a", "b", "*", "?"), { maxLength: 7 }).map((parts) => parts.join(""));
  const name = fc.array(fc.constantFrom("a", "b"), { maxLength: 7 }).map((parts) => parts.join(""));
  const toRegExp = (pattern: string) => new RegExp(`^${pattern.replaceAll("*", ".*").replaceAll("?", ".")}$`);
  fc.assert(
    fc.property(text, text, name, (wide, narrow, one) => {
      // "" stands for no resource at all.
      fc.pre(wide !== "" && narrow !== "");
      if (compare(policy(allow("a:B", wide)), policy(allow("a:B", narrow))) === "widened") return;
      const covered = ["same", "narrowed"].includes(compare(policy(allow("a:B", wide)), policy(allow("a:B", narrow))));
      if (covered && toRegExp(narrow).test(one)) expect(toRegExp(wide).test(one)).toBe(true);
    }),
    { numRuns: 2_000 },
  );
});

const anyone = (Condition?: object) =>
  policy({
    Effect: "Allow",
    Principal: { AWS: "*" },
    Action: "a:B",
    Resource: "*",
    ...(Condition === undefined ? {} : { Condition }),
  });

test.each([
  ["no condition", anyone(), true],
  ["TLS alone", anyone({ Bool: { "aws:SecureTransport": "true" } }), true],
  ["an account", anyone({ StringEquals: { "aws:SourceAccount": "1" } }), false],
  ["an ARN", anyone({ ArnLike: { "AWS:SourceArn": "arn:aws:s3:::b" } }), false],
  ["every ARN", anyone({ ArnLike: { "aws:SourceArn": "*" } }), true],
  ["all addresses", anyone({ IpAddress: { "aws:SourceIp": ["10.0.0.0/8", "0.0.0.0/0"] } }), true],
  ["a key that may be missing", anyone({ StringEqualsIfExists: { "aws:SourceAccount": "1" } }), true],
  ["everyone but an account", anyone({ StringNotEquals: { "aws:SourceAccount": "1" } }), true],
  ["NotPrincipal", policy({ Effect: "Allow", NotPrincipal: { AWS: "1" }, Action: "a:B", Resource: "*" }), true],
  [
    "a service",
    policy({ Effect: "Allow", Principal: { Service: "s3.amazonaws.com" }, Action: "a:B", Resource: "*" }),
    false,
  ],
])("fails when a policy for anybody with %s is misjudged", (_what, text, open) => {
  expect(grants(text).some(isPublic)).toBe(open);
});

test("fails when a policy of thousands of products takes long, or is judged as unchanged", () => {
  const many = (prefix: string) => Array.from({ length: 400 }, (_, index) => `${prefix}:${"*".repeat(20)}${index}`);
  const [before, after] = [policy(allow(many("a"), many("r"))), policy(allow(many("a"), many("q")))];
  const started = process.cpuUsage();
  expect(compare(before, after)).toBe("both");
  expect(process.cpuUsage(started).user / 1e6).toBeLessThan(5);
});

test("fails when a boundary that goes, or a managed policy that comes, is not told", () => {
  const role = (more: object) => ({ name: "r", assume_role_policy: policy(allow("sts:AssumeRole")), ...more });
  const directions = (before: object, after: object) =>
    reviewOne({ type: "aws_iam_role", before: role(before), after: role(after) }).access.map(({ access }) => [
      access.attribute,
      access.direction,
    ]);
  expect(directions({ permissions_boundary: "arn:b" }, { permissions_boundary: null })).toEqual([
    ["permissions_boundary", "widened"],
  ]);
  expect(directions({ managed_policy_arns: ["arn:a"] }, { managed_policy_arns: ["arn:a", "arn:b"] })).toEqual([
    ["managed_policy_arns", "widened"],
  ]);
});

test("fails when a policy that turns sensitive or unknown passes as unchanged", () => {
  const before = { policy: policy(allow("a:B")) };
  const sensitive = reviewOne({
    type: "aws_iam_role_policy",
    before,
    after: { policy: policy(allow("*")) },
    change: { after_sensitive: { policy: true } },
  });
  const unknown = reviewOne({ type: "aws_sqs_queue", before, after: {}, change: { after_unknown: { policy: true } } });
  for (const review of [sensitive, unknown])
    expect(review.access.map(({ access }) => access.direction)).toEqual(["unclear"]);
});
