import { z } from "zod";
import { MixdownError } from "../errors.ts";
import { type AttributeChange, diffValues, isRecord, maskValue, type Shown } from "./shown-value.ts";

export type PlannedAction =
  | "none"
  | "create"
  | "read"
  | "update"
  | "delete"
  /** Destroyed, then made again. */
  | "replace"
  /** Made again, then the old one destroyed (`create_before_destroy`). */
  | "replace-after-create"
  /** Left alone, and no longer Terraform's. */
  | "forget"
  /** Made again; the old one is left alone. */
  | "replace-and-forget"
  /** Something this reader does not know. */
  | "other";

export interface ResourceChange {
  readonly address: string;
  readonly type: string;
  /** Only read: a data source, or an ephemeral resource. */
  readonly isData: boolean;
  readonly action: PlannedAction;
  /** Where it stood before a `moved` block. */
  readonly previousAddress: string | null;
  readonly isImported: boolean;
  /** A left-over of an earlier `create_before_destroy`. */
  readonly isDeposed: boolean;
  /** Terraform's `action_reason`. */
  readonly reason: string | null;
  /** Attributes that make a replacement necessary. */
  readonly replacePaths: readonly string[];
  readonly before: Shown;
  readonly after: Shown;
  readonly attributes: readonly AttributeChange[];
}

/** One stack's plan, without anything that may not be shown. */
export interface Plan {
  readonly stack: string;
  readonly terraformVersion: string | null;
  readonly changes: readonly ResourceChange[];
  /** What changed outside of Terraform. */
  readonly drift: readonly ResourceChange[];
  readonly deferred: readonly { readonly address: string; readonly reason: string }[];
  readonly outputs: readonly { readonly name: string; readonly action: PlannedAction }[];
  /** Addresses of `action` blocks that run (Terraform 1.14). */
  readonly invocations: readonly string[];
  /** Planning ended with an error. */
  readonly isErrored: boolean;
  /** More plans are needed after this one. */
  readonly isIncomplete: boolean;
}

const changeSchema = z.looseObject({ actions: z.array(z.string()) });
const resourceChangeSchema = z.looseObject({ address: z.string(), type: z.string(), change: changeSchema });
const planSchema = z.looseObject({
  format_version: z.string(),
  terraform_version: z.string().nullish(),
  resource_changes: z.array(resourceChangeSchema).nullish(),
  resource_drift: z.array(resourceChangeSchema).nullish(),
  deferred_changes: z
    .array(
      z.looseObject({
        reason: z.string().nullish(),
        resource_change: z.looseObject({ address: z.string() }).nullish(),
      }),
    )
    .nullish(),
  action_invocations: z.array(z.looseObject({ address: z.string() })).nullish(),
  output_changes: z.record(z.string(), changeSchema).nullish(),
});

const makeIt = "make it with `terraform show -json PLANFILE > plan.json`";

/**
 * Reads what `terraform show -json` (or OpenTofu's) wrote.
 * @param file how the file is named in a refusal
 * @param stack the name of what it plans
 * @throws MixdownError `input_not_plan`, `input_empty`
 */
export function parsePlan(text: string, file: string, stack: string): Plan {
  const refuse = (what: string): never => {
    throw new MixdownError("input_not_plan", { message: `${JSON.stringify(file)} ${what}; ${makeIt}.` });
  };
  if (text.trim() === "")
    throw new MixdownError("input_empty", { message: `${JSON.stringify(file)} is empty; ${makeIt}.` });
  const document = parseJson(text);
  if (document === undefined) {
    if (text.startsWith("PK")) return refuse("is a plan in Terraform's own form, not JSON");
    if (text.trimStart().startsWith('{"@')) return refuse("is a log (`terraform plan -json`), not a plan");
    return refuse("is not JSON");
  }
  if (!isRecord(document) || typeof document.format_version !== "string") return refuse("is not a plan of Terraform");
  if (!/^[01](\.\d+)*$/.test(document.format_version)) {
    return refuse(
      `has format_version ${JSON.stringify(document.format_version.slice(0, 20))}, and 0.x and 1.x can be read`,
    );
  }
  const planned = ["resource_changes", "planned_values", "output_changes", "resource_drift", "deferred_changes"];
  if (!planned.some((key) => Object.hasOwn(document, key))) return refuse("is a state, not a plan");
  const parsed = planSchema.safeParse(document);
  if (!parsed.success)
    return refuse(`is not a plan of Terraform at ${parsed.error.issues[0]?.path.join(".") || "its top"}`);
  const plan = parsed.data;
  return {
    stack,
    terraformVersion: plan.terraform_version ?? null,
    changes: (plan.resource_changes ?? []).map(readChange),
    drift: (plan.resource_drift ?? []).map(readChange),
    deferred: (plan.deferred_changes ?? []).map((one) => ({
      address: one.resource_change?.address ?? "(unnamed)",
      reason: one.reason ?? "unknown",
    })),
    outputs: Object.entries(plan.output_changes ?? {}).map(([name, { actions }]) => ({
      name,
      action: readAction(actions),
    })),
    invocations: (plan.action_invocations ?? []).map(({ address }) => address),
    isErrored: plan.errored === true,
    isIncomplete: plan.complete === false,
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text.replace(/^\uFEFF/, ""));
  } catch {
    return undefined;
  }
}

function readChange(resource: z.infer<typeof resourceChangeSchema>): ResourceChange {
  const { change } = resource;
  const [before, after] = [
    maskSide(change.before, change.before_sensitive, false),
    maskSide(change.after, change.after_sensitive, change.after_unknown),
  ];
  const paths = Array.isArray(change.replace_paths) ? change.replace_paths : [];
  return {
    address: resource.address,
    type: resource.type,
    isData: resource.mode === "data" || resource.mode === "ephemeral",
    action: readAction(change.actions),
    previousAddress: typeof resource.previous_address === "string" ? resource.previous_address : null,
    isImported: isRecord(change.importing),
    isDeposed: typeof resource.deposed === "string" && resource.deposed !== "",
    reason: typeof resource.action_reason === "string" ? resource.action_reason : null,
    replacePaths: paths.map((path) => (Array.isArray(path) ? path.join(".") : String(path))),
    before,
    after,
    attributes: diffValues([change.before, change.after], [before, after]),
  };
}

/** What is not there (a creation's before, a deletion's after) is null, whatever shape its marks have. */
const maskSide = (value: unknown, sensitivity: unknown, unknowns: unknown): Shown =>
  (value === null || value === undefined) && unknowns !== true ? null : maskValue(value, sensitivity, unknowns);

const actions: Readonly<Record<string, PlannedAction>> = {
  "no-op": "none",
  create: "create",
  read: "read",
  update: "update",
  delete: "delete",
  forget: "forget",
  "delete,create": "replace",
  "create,delete": "replace-after-create",
  "create,forget": "replace-and-forget",
  "forget,create": "replace-and-forget",
};

const readAction = (names: readonly string[]): PlannedAction => {
  const key = names.length === 0 ? "no-op" : names.join(",");
  if (Object.hasOwn(actions, key)) return actions[key] ?? "other";
  // Whatever is combined with it in versions to come: "delete" says that the thing goes (Terraform's jsonplan/plan.go).
  return names.includes("delete") ? "replace" : "other";
};
