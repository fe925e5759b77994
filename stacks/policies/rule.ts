/** A resource as Terraform will read it: references stand in it as text. */
export interface PlannedResource {
  /** Terraform's: `aws_sqs_queue`. */
  readonly type: string;
  /** How others refer to it: `aws_sqs_queue.jobs`. */
  readonly address: string;
  /** Of the construct. */
  readonly path: string;
  readonly config: Attributes;
}

export type Attributes = Readonly<Record<string, unknown>>;

/** One thing that must hold of every resource of some types. */
export interface PolicyRule {
  readonly name: string;
  readonly types: readonly string[];
  /** What is wrong, as the middle of a sentence, or nothing. `all` are the resources of the same stack. */
  readonly findFault: (resource: PlannedResource, all: readonly PlannedResource[]) => string | undefined;
  /** What to write instead, as a sentence. */
  readonly fix: string;
}

/** Blocks are written as a list of one or as themselves. */
export function readBlock(config: Attributes, name: string): Attributes | undefined {
  const value = config[name];
  const block: unknown = Array.isArray(value) ? value[0] : value;
  return typeof block === "object" && block !== null ? (block as Attributes) : undefined;
}

export const readBlocks = (config: Attributes, name: string): readonly Attributes[] => {
  const value = config[name];
  return (Array.isArray(value) ? value : value === undefined ? [] : [value]) as readonly Attributes[];
};

export const readText = (config: Attributes | undefined, name: string): string => {
  const value = config?.[name];
  return typeof value === "string" ? value : "";
};

export const readFlag = (config: Attributes | undefined, name: string): boolean => config?.[name] === true;

export const refersTo = (text: unknown, resource: PlannedResource): boolean =>
  (typeof text === "string" ? text : JSON.stringify(text ?? null)).includes(`\${${resource.address}.`);

/** The settings of a resource that stand in resources of their own, by what they refer to. */
export const findBeside = (
  all: readonly PlannedResource[],
  type: string,
  attribute: string,
  resource: PlannedResource,
): PlannedResource | undefined =>
  all.find((other) => other.type === type && refersTo(other.config[attribute], resource));

export interface Statement {
  readonly Effect: string;
  readonly Action: readonly string[];
  readonly Resource: readonly string[];
  readonly Principal: unknown;
  readonly Condition: Attributes | undefined;
}

/** @returns `undefined` for a policy that is not known before it is applied */
export function readStatements(policy: unknown): readonly Statement[] | undefined {
  if (typeof policy !== "string") return undefined;
  try {
    const { Statement } = JSON.parse(policy) as { Statement: unknown };
    return ([Statement].flat() as Attributes[]).map((statement) => ({
      Effect: String(statement.Effect),
      Action: [statement.Action ?? []].flat() as string[],
      Resource: [statement.Resource ?? []].flat() as string[],
      Principal: statement.Principal,
      Condition: statement.Condition as Attributes | undefined,
    }));
  } catch {
    return undefined;
  }
}
