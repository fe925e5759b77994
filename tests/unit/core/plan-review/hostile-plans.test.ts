import { Parser } from "commonmark";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { MixdownError } from "../../../../core/errors.ts";
import { formatComment } from "../../../../core/plan-review/comment.ts";
import { buildReviewDocument } from "../../../../core/plan-review/document.ts";
import { gates } from "../../../../core/plan-review/gates.ts";
import { parsePlan } from "../../../../core/plan-review/plan.ts";
import { reviewPlans } from "../../../../core/plan-review/review.ts";
import { planText, policy, readRealPlan, realPlanNames, shapeChange } from "./plan-fixtures.ts";

const commentLimit = 65_536;

function review(text: string) {
  try {
    const result = reviewPlans([parsePlan(text, "plan.json", "main")]);
    return { comment: formatComment(result), document: JSON.stringify(buildReviewDocument(result, gates)) };
  } catch (thrown) {
    if (thrown instanceof MixdownError && /^input_/.test(thrown.code)) return null;
    throw thrown;
  }
}

/** Stands in every text that a plan brings along, and in nothing of ours. */
const mark = "ZQX";

/** Everything that Markdown or HTML would make of a comment, but for its code: that is where names belong. */
function findLive(comment: string): readonly string[] {
  const walker = new Parser().parse(comment).walker();
  const found: string[] = [];
  for (let step = walker.next(); step !== null; step = walker.next()) {
    const { type, literal } = step.node;
    if (!step.entering || type === "code" || type === "code_block") continue;
    if (type === "link" || type === "image") found.push(type);
    if (type === "html_block" || type === "html_inline") {
      const ours = /^(<!-- mixdown plan-review -->|<details><summary>[\w ,()]+<\/summary>|<\/details>)$/;
      if (!ours.test(literal ?? "")) found.push(`${type} ${literal}`);
    } else if (literal?.includes(mark)) found.push(`${type} ${literal}`);
  }
  return found;
}

const nasty = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        "|",
        "`",
        "``",
        "```",
        "~~~",
        "\n",
        "\r\n",
        "\n\n",
        "\t",
        "@team",
        "#1",
        "<b>",
        "</details>",
        "<!--",
        "-->",
        "<img src=x onerror=y>",
        "[a](javascript:b)",
        "![a](https://example.org)",
        "https://example.org",
        "**",
        "__",
        "\\",
        "\\`",
        "&lt;",
        "$",
        "$`",
        "\u202E",
        "\u200B",
        "\u0000",
        "\uD800",
        "\u2028",
        "- ",
        "+ ",
        "## ",
        "> ",
        "    ",
        "1. ",
        "<details>",
        "\u001B[31m",
        "*",
        "?",
        " ",
      ),
      fc.string({ maxLength: 6, unit: "binary" }),
    ),
    { maxLength: 8 },
  )
  .map((parts) => `${mark}${parts.join("")}${mark}`);

const kinds = [
  "aws_s3_bucket",
  "aws_iam_role",
  "aws_lambda_permission",
  "aws_security_group",
  "aws_s3_bucket_lifecycle_configuration",
  "aws_nat_gateway",
  "aws_instance",
  "google_project_iam_member",
];

const hostileChange = fc
  .record({ type: fc.constantFrom(...kinds), texts: fc.array(nasty, { minLength: 12, maxLength: 12 }) })
  .chain(({ type, texts }) => {
    const text = (index: number): string => texts[index] ?? mark;
    const values = (offset: number) => ({
      [text(offset)]: text(offset + 1),
      bucket: text(offset),
      principal: text(offset + 1),
      instance_type: text(offset),
      member: text(offset),
      ingress: [{ protocol: text(offset), from_port: 1, to_port: 2, cidr_blocks: ["0.0.0.0/0"] }],
      rule: [{ id: text(2), status: "Enabled", expiration: [{ days: 10 - offset }] }],
      assume_role_policy: policy({
        Effect: "Allow",
        Principal: { AWS: ["*", text(offset)] },
        Action: [text(offset), "*"],
        Resource: text(offset + 1),
        Condition: { [text(3)]: { [text(4)]: text(offset) } },
      }),
    });
    const actions = [
      ["create"],
      ["update"],
      ["delete"],
      ["delete", "create"],
      ["create", "delete"],
      ["forget"],
      ["no-op"],
      [text(6)],
    ];
    return fc.constantFrom(...actions).map((action) =>
      shapeChange({
        address: text(7),
        type,
        actions: action,
        before: action[0] === "create" ? null : values(0),
        after: action[0] === "delete" || action[0] === "forget" ? null : values(3),
        change: { replace_paths: [[text(8), 0]] },
        more: { previous_address: text(9), action_reason: text(10) },
      }),
    );
  });

test("fails when anything in a plan is live in the comment", () => {
  fc.assert(
    fc.property(fc.array(hostileChange, { minLength: 1, maxLength: 4 }), nasty, (changes, text) => {
      const plan = planText(changes, {
        resource_drift: changes,
        deferred_changes: [{ reason: text, resource_change: { address: text } }],
        output_changes: { [text]: { actions: ["create"] } },
      });
      const { comment } = review(plan) ?? { comment: "" };
      expect(comment).toContain(mark);
      expect(findLive(comment)).toEqual([]);
      // What turns, hides or ends text has gone altogether.
      expect(comment.replaceAll("\n", "")).not.toMatch(/[\p{Cc}\u202E\u200B\u2028\p{Cs}]/u);
      // Only our own lines begin a fence, and each of them ends.
      expect((comment.match(/^ {2}```/gm) ?? []).length % 2).toBe(0);
    }),
    { numRuns: 120 },
  );
});

test("fails if the search for what is live finds nothing in a comment that is", () => {
  for (const live of [`[a](b)`, `<b>${mark}`, `${mark}`, `x\n<img src=x>`, `- ${mark}`])
    expect(findLive(live)).not.toEqual([]);
});

test("fails when a text that is no plan ends otherwise than in a refusal", () => {
  fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (text) => void review(text)));
});

test("fails when a plan with anything in place of one of its values crashes the review", () => {
  const texts = realPlanNames.map(readRealPlan);
  const anything = fc.oneof(fc.jsonValue({ maxDepth: 2 }), fc.constantFrom(null, true, {}, [], "__proto__", 1e308, -1));
  fc.assert(
    fc.property(
      fc.constantFrom(...texts),
      fc.nat(),
      fc.array(fc.nat(), { minLength: 1, maxLength: 12 }),
      anything,
      (text, start, steps, value) => {
        const document = JSON.parse(text);
        const changes: unknown[] = document.resource_changes;
        let at = changes[start % changes.length] as Record<string, unknown>;
        for (const [index, step] of steps.entries()) {
          const keys = Object.keys(at);
          const key = keys[step % keys.length];
          if (key === undefined) break;
          const next = at[key];
          if (index === steps.length - 1 || typeof next !== "object" || next === null) {
            at[key] = value;
            break;
          }
          at = next as Record<string, unknown>;
        }
        const result = review(JSON.stringify(document));
        if (result !== null) expect(result.comment.length).toBeLessThanOrEqual(commentLimit);
      },
    ),
    { numRuns: 200 },
  );
});

test("fails when a comment is longer than GitHub takes, or hides the worst to fit", () => {
  const long = "x".repeat(3_000);
  const many = Array.from({ length: 1_000 }, (_, index) =>
    shapeChange({
      address: `aws_sqs_queue.${long}${index}`,
      type: "aws_sqs_queue",
      before: { name: long, policy: policy({ Effect: "Allow", Action: long, Resource: long }) },
    }),
  );
  const plans = Array.from({ length: 60 }, (_, index) =>
    parsePlan(planText(index === 0 ? many : [], {}), "p", `${long}-${index}`),
  );
  const comment = formatComment(reviewPlans(plans));
  expect(comment.length).toBeLessThanOrEqual(commentLimit);
  expect(comment.length).toBeGreaterThan(commentLimit * 0.9);
  expect(comment).toContain("Data at risk in 1000 places");
  expect(comment).toMatch(/… and \d+ more; `--json` has them all\./);
  expect(findLive(comment)).toEqual([]);
});

test("fails when nesting without end, or a name of the language, gets through", () => {
  const deep = `${'{"a":'.repeat(20_000)}1${"}".repeat(20_000)}`;
  const plan = planText([shapeChange({ type: "aws_s3_bucket", before: {}, after: "DEEP" })]).replace('"DEEP"', deep);
  expect(review(plan)?.comment).toContain("aws_s3_bucket.it");
  const odd = planText([
    shapeChange({ type: "constructor", before: { a: 1 } }),
    shapeChange({ type: "__proto__", after: { a: 1 } }),
  ]);
  expect(review(odd.replaceAll('"a"', '"__proto__"'))?.comment).toContain("constructor.it");
});
