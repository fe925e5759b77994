/** One statement of a policy. Arrays of one stay arrays: AWS keeps them too, and plans stay empty. */
export interface PolicyStatement {
  readonly sid?: string;
  readonly effect?: "Allow" | "Deny";
  readonly principals?:
    | { readonly Service?: string | readonly string[]; readonly AWS?: string | readonly string[] }
    | "*";
  readonly actions: readonly string[];
  readonly resources?: readonly string[];
  readonly conditions?: Readonly<Record<string, Readonly<Record<string, string | readonly string[]>>>>;
}

/** A policy as text, in which references to resources may stand. */
export const buildPolicy = (statements: readonly PolicyStatement[]): string =>
  JSON.stringify({
    Version: "2012-10-17",
    Statement: statements.map(({ sid, effect = "Allow", principals, actions, resources, conditions }) => ({
      ...(sid === undefined ? {} : { Sid: sid }),
      Effect: effect,
      ...(principals === undefined ? {} : { Principal: principals }),
      Action: actions,
      ...(resources === undefined ? {} : { Resource: resources }),
      ...(conditions === undefined ? {} : { Condition: conditions }),
    })),
  });

/** Who may take on a role: one service, on behalf of this account alone. */
export const buildTrust = (service: string, accountId?: string): string =>
  buildPolicy([
    {
      principals: { Service: service },
      actions: ["sts:AssumeRole"],
      ...(accountId === undefined ? {} : { conditions: { StringEquals: { "aws:SourceAccount": accountId } } }),
    },
  ]);
