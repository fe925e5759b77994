import { parse } from "yaml";

interface Step {
  readonly uses?: string;
  readonly run?: string;
  readonly with?: Readonly<Record<string, unknown>>;
}
interface Job {
  readonly permissions?: unknown;
  readonly uses?: string;
  readonly steps?: readonly Step[];
  readonly if?: string;
  readonly environment?: string;
  readonly "timeout-minutes"?: number;
}
export interface Workflow {
  readonly on: unknown;
  readonly permissions?: unknown;
  readonly jobs: Readonly<Record<string, Job>>;
}

/** A workflow as GitHub reads it; `on` is text and not `true`, as in YAML 1.2. */
export const parseWorkflow = (text: string): Workflow => parse(text) as Workflow;

export const scriptsOf = (workflow: Workflow): readonly string[] =>
  Object.values(workflow.jobs).flatMap(({ steps = [] }) =>
    steps.flatMap(({ run }) => (run === undefined ? [] : [run])),
  );

const eventsOf = (on: unknown): readonly string[] =>
  typeof on === "string" ? [on] : Array.isArray(on) ? on.map(String) : Object.keys((on as object | null) ?? {});

/** One sentence for each rule that a workflow breaks. */
export function findWorkflowFaults(text: string): readonly string[] {
  const workflow = parseWorkflow(text);
  const events = eventsOf(workflow.on);
  const jobs = Object.entries(workflow.jobs ?? {});
  const used = jobs
    .flatMap(([, job]) => [job.uses, ...(job.steps ?? []).map((step) => step.uses)])
    .filter((one) => one !== undefined);
  return [
    ...events
      .filter((name) => ["pull_request_target", "workflow_run", "issue_comment"].includes(name))
      .map((name) => `${name} runs others' code with our rights`),
    ...(isEmpty(workflow.permissions) ? [] : ["the workflow gives permissions to every job"]),
    ...(/\$\{\{[^}]*\bsecrets\b/.test(text) || /secrets:\s*inherit/.test(text)
      ? ["a secret is used where OIDC does"]
      : []),
    ...used
      .filter((action) => !action.startsWith("./") && !isPinned(action, text))
      .map((action) => `${action} is not pinned to a commit with its version beside it`),
    ...scriptsOf(workflow)
      .filter((run) => run.includes("${{"))
      .map((run) => `an expression is pasted into a script: ${run.split("\n")[0]}`),
    ...jobs.flatMap(([name, job]) => findJobFaults(name, job, events)),
  ];
}

function findJobFaults(name: string, job: Job, events: readonly string[]): readonly string[] {
  const { permissions } = job;
  const given =
    typeof permissions === "object" && permissions !== null ? (permissions as Record<string, unknown>) : undefined;
  const checkouts = (job.steps ?? []).filter(({ uses = "" }) => uses.startsWith("actions/checkout@"));
  const isTrusted =
    job.environment !== undefined &&
    (!events.includes("pull_request") ||
      /head\.repo\.full_name == github\.repository|event_name == 'workflow_dispatch'/.test(job.if ?? ""));
  const writes = Object.entries(given ?? {})
    .filter(([, level]) => level === "write")
    .map(([scope]) => scope);
  return [
    ...(given === undefined ? [`${name} does not say its permissions`] : []),
    ...(job["timeout-minutes"] === undefined ? [`${name} may run for six hours`] : []),
    ...(checkouts.some((step) => step.with?.["persist-credentials"] !== false)
      ? [`${name} leaves its token in the checkout`]
      : []),
    ...(writes.includes("id-token") && !isTrusted
      ? [`${name} assumes a role without an environment, or for forks`]
      : []),
    ...(writes.some((scope) => scope !== "id-token") && checkouts.length > 0
      ? [`${name} may write and runs what it checked out`]
      : []),
  ];
}

const isEmpty = (value: unknown): boolean =>
  typeof value === "object" && value !== null && Object.keys(value).length === 0;

/** `owner/name@<40 hexadecimal digits> # v1.2.3`. */
const isPinned = (action: string, text: string): boolean =>
  /^[\w.-]+\/[\w./-]+@[0-9a-f]{40}$/.test(action) &&
  new RegExp(`${action.replaceAll(/[.*+?^${}()|[\]\\/]/g, "\\$&")} # v\\d+\\.\\d+\\.\\d+$`, "m").test(text);
