import { readFile } from "node:fs/promises";
import { basename, dirname, resolve } from "node:path";
import { MixdownError } from "../../core/errors.ts";
import { formatComment } from "../../core/plan-review/comment.ts";
import { buildReviewDocument } from "../../core/plan-review/document.ts";
import { exitCodeOfGates, type Gate, gateCodes, gates, severalGates } from "../../core/plan-review/gates.ts";
import { type Plan, parsePlan } from "../../core/plan-review/plan.ts";
import { reviewPlans } from "../../core/plan-review/review.ts";
import { addCommonFlags, type DefineCommand, examples, type Session } from "../session.ts";

interface PlanReviewOptions {
  readonly failOn?: readonly Gate[];
}

export const definePlanReview: DefineCommand = (command, session) => {
  addCommonFlags(
    command
      .helpGroup("The platform on AWS:")
      .description("Says what Terraform plans put at risk, as a comment for a pull request.")
      .argument("<PLAN...>", "what `terraform show -json PLANFILE` wrote, one a stack; - is stdin")
      .option(
        "--fail-on <GATES>",
        `end with ${gates.map((gate) => `${gateCodes[gate]} on ${gate}`).join(", ")}, ${severalGates} on several; separated by commas`,
        parseGates,
      ),
  )
    .addHelpText(
      "after",
      examples(
        "mixdown plan-review storage.json",
        "mixdown plan-review plans/*.json --fail-on destructive,iam,public > comment.md",
        "terraform show -json plan | mixdown plan-review -",
      ),
    )
    .action(
      session.action((files: readonly string[], options: PlanReviewOptions) => runPlanReview(files, options, session)),
    );
};

function parseGates(text: string, before: readonly Gate[] = []): readonly Gate[] {
  const found = text.split(",").map((one) => gates.find((gate) => gate === one.trim()));
  if (found.every((gate) => gate !== undefined)) return [...before, ...found];
  throw new MixdownError("usage_invalid", {
    message: `--fail-on is ${JSON.stringify(text)}; allowed are ${gates.join(", ")}, separated by commas.`,
  });
}

async function runPlanReview(
  files: readonly string[],
  { failOn = [] }: PlanReviewOptions,
  { reporter }: Session,
): Promise<number> {
  const plans: Plan[] = [];
  for (const file of files) plans.push(parsePlan(await readText(file), file, nameStack(file, plans)));
  const review = reviewPlans(plans);
  reporter.printJson(buildReviewDocument(review, failOn));
  reporter.print(formatComment(review).trimEnd());
  return exitCodeOfGates(review, failOn);
}

/** PowerShell's `>` writes UTF-16, with a mark. */
async function readText(file: string): Promise<string> {
  const bytes = file === "-" ? await readStdin() : await readFile(file).catch((thrown) => refuseFile(file, thrown));
  const isUtf16 = bytes[0] === 0xff && bytes[1] === 0xfe;
  return new TextDecoder(isUtf16 ? "utf-16le" : "utf-8").decode(bytes);
}

async function readStdin(): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function refuseFile(file: string, thrown: NodeJS.ErrnoException): never {
  const isMissing = thrown.code === "ENOENT";
  throw new MixdownError(isMissing ? "input_not_found" : "input_unreadable", {
    message: `${JSON.stringify(file)} ${isMissing ? "does not exist" : `cannot be read (${thrown.code ?? thrown.message})`}; give what \`terraform show -json PLANFILE\` wrote.`,
    cause: thrown,
  });
}

/** `storage` for storage.json, stacks/storage/plan.json and storage.tfplan.json; a name that is taken gets a number. */
function nameStack(file: string, taken: readonly Plan[]): string {
  const own = basename(file).replace(/(\.(tf)?plan)?\.json$/i, "");
  const folder = basename(dirname(resolve(file)));
  const name = file === "-" ? "stdin" : /^(tf)?plan$/i.test(own) && folder !== "" ? folder : own;
  const same = taken.filter(({ stack }) => stack === name || stack.startsWith(`${name}-`)).length;
  return same === 0 ? name : `${name}-${same + 1}`;
}
