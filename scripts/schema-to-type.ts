/** The part of JSON Schema that zod writes for our shapes. */
export interface JsonSchema {
  readonly type?: string | readonly string[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
  readonly allOf?: readonly JsonSchema[];
  readonly items?: JsonSchema;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | JsonSchema;
  readonly description?: string;
}

/** A JSON Schema as a TypeScript type, written out in full. @throws Error for what it does not know */
export function schemaToType(schema: JsonSchema, indent = ""): string {
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum !== undefined) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  const either = schema.anyOf ?? schema.oneOf;
  if (either !== undefined) return [...new Set(either.map((one) => schemaToType(one, indent)))].join(" | ");
  if (schema.allOf !== undefined) return schema.allOf.map((one) => `(${schemaToType(one, indent)})`).join(" & ");
  const { type } = schema;
  if (Array.isArray(type)) return type.map((one: string) => schemaToType({ ...schema, type: one }, indent)).join(" | ");
  switch (type) {
    case "string":
    case "boolean":
    case "null":
      return type as string;
    case "number":
    case "integer":
      return "number";
    case "array":
      return `(${schemaToType(schema.items ?? {}, indent)})[]`;
    case "object":
      return objectToType(schema, indent);
    case undefined:
      return "unknown";
    default:
      throw new Error(`no TypeScript type is known for ${JSON.stringify(schema)}`);
  }
}

function objectToType(schema: JsonSchema, indent: string): string {
  const { properties, required = [], additionalProperties } = schema;
  if (properties === undefined) {
    const value = typeof additionalProperties === "object" ? schemaToType(additionalProperties, indent) : "unknown";
    return `{ [name: string]: ${value} }`;
  }
  const inner = `${indent}  `;
  const lines = Object.entries(properties).map(([name, property]) => {
    const optional = !required.includes(name);
    const type = schemaToType(property, inner);
    const comment = property.description === undefined ? "" : `${inner}/** ${property.description} */\n`;
    return `${comment}${inner}${name}${optional ? "?" : ""}: ${type}${optional ? " | undefined" : ""};\n`;
  });
  return `{\n${lines.join("")}${indent}}`;
}
