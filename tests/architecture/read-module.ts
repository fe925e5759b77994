import { parseSync } from "oxc-parser";

export interface ModuleImport {
  /** As written, e.g. "../core/job.ts"; `null` when the target is computed. */
  readonly specifier: string | null;
  /** `import type`, `export type … from` and `import("…")` in a type: gone at run time. */
  readonly typeOnly: boolean;
}

export interface ModuleFacts {
  readonly imports: readonly ModuleImport[];
  readonly readsEnvironment: boolean;
  /** Names of the classes, interfaces and types that are declared. */
  readonly declaredTypes: readonly string[];
}

interface SyntaxNode {
  readonly type: string;
  readonly [field: string]: unknown;
}

/** What a module imports and declares, from its syntax tree. @throws when the text does not parse */
export function readModule(path: string, text: string): ModuleFacts {
  const parsed = parseSync(path, text);
  if (parsed.errors.length > 0) throw new Error(`${path} does not parse: ${parsed.errors[0]?.message}`);
  const nodes = [...walk(parsed.program)];
  const processNames = new Set(["process", ...nodes.flatMap(namesOfNodeProcess)]);
  return {
    imports: nodes.flatMap(findImports),
    readsEnvironment: nodes.some((node) => isEnvironmentRead(node, processNames)),
    declaredTypes: nodes.flatMap((node) =>
      /^(Class|TSInterface|TSTypeAlias)Declaration$/.test(node.type) ? [nameOf(node.id)] : [],
    ),
  };
}

function* walk(value: unknown): Generator<SyntaxNode> {
  if (Array.isArray(value)) {
    for (const item of value) yield* walk(item);
  } else if (typeof value === "object" && value !== null) {
    if (isNode(value)) yield value;
    for (const field of Object.values(value)) yield* walk(field);
  }
}

function findImports(node: SyntaxNode): readonly ModuleImport[] {
  switch (node.type) {
    case "ImportDeclaration":
    case "ExportAllDeclaration":
    case "ExportNamedDeclaration": {
      if (!isNode(node.source)) return [];
      const typeOnly = node.importKind === "type" || node.exportKind === "type";
      return targetsOf(node.source).map((specifier) => ({ specifier, typeOnly }));
    }
    case "TSImportType":
      return targetsOf(node.source).map((specifier) => ({ specifier, typeOnly: true }));
    case "TSExternalModuleReference":
      return targetsOf(node.expression).map((specifier) => ({ specifier, typeOnly: false }));
    case "ImportExpression":
      return targetsOf(node.source).map((specifier) => ({ specifier, typeOnly: false }));
    case "CallExpression": {
      // Only with a literal: `require` is an ordinary name in an ES module.
      const targets = nameOf(node.callee) === "require" ? targetsOf((node.arguments as unknown[])[0]) : [];
      return targets.flatMap((specifier) => (specifier === null ? [] : [{ specifier, typeOnly: false }]));
    }
    default:
      return [];
  }
}

/** The targets that an import's argument can mean; `null` for a computed one. */
function targetsOf(source: unknown): readonly (string | null)[] {
  if (!isNode(source)) return [null];
  if (source.type === "Literal" && typeof source.value === "string") return [source.value];
  if (source.type === "ConditionalExpression") {
    return [...targetsOf(source.consequent), ...targetsOf(source.alternate)];
  }
  if (source.type === "TemplateLiteral" && (source.expressions as unknown[]).length === 0) {
    const [only] = source.quasis as { value: { cooked: string } }[];
    return [only?.value.cooked ?? null];
  }
  return [null];
}

/** Local names of `import process from "node:process"` and `import * as process from …`. */
function namesOfNodeProcess(node: SyntaxNode): readonly string[] {
  if (node.type !== "ImportDeclaration" || !isProcessModule(node)) return [];
  return (node.specifiers as SyntaxNode[])
    .filter((specifier) => specifier.type !== "ImportSpecifier" || nameOf(specifier.imported) === "default")
    .map((specifier) => nameOf(specifier.local));
}

function isEnvironmentRead(node: SyntaxNode, processNames: ReadonlySet<string>): boolean {
  if (node.type === "ImportDeclaration" && isProcessModule(node)) {
    return (node.specifiers as SyntaxNode[]).some((specifier) => nameOf(specifier.imported) === "env");
  }
  if (node.type === "MemberExpression") {
    return propertyOf(node) === "env" && isProcess(node.object, processNames);
  }
  if (node.type === "VariableDeclarator" && isNode(node.id) && node.id.type === "ObjectPattern") {
    const keys = (node.id.properties as SyntaxNode[]).map((property) => nameOf(property.key));
    return keys.includes("env") && isProcess(node.init, processNames);
  }
  return false;
}

function isProcess(value: unknown, names: ReadonlySet<string>): boolean {
  if (!isNode(value)) return false;
  if (value.type === "Identifier") return names.has(nameOf(value));
  return value.type === "MemberExpression" && propertyOf(value) === "process";
}

const isProcessModule = (node: SyntaxNode): boolean =>
  targetsOf(node.source).some((target) => target === "node:process" || target === "process");

/** `a.name` and `a["name"]` alike. */
const propertyOf = (member: SyntaxNode): string =>
  member.computed === true ? String(targetsOf(member.property)[0]) : nameOf(member.property);

const nameOf = (value: unknown): string => (isNode(value) && typeof value.name === "string" ? value.name : "");

const isNode = (value: unknown): value is SyntaxNode =>
  typeof value === "object" && value !== null && typeof (value as SyntaxNode).type === "string";
