/** Stands where a value is marked sensitive: nothing of it gets past the reading of a plan. */
export const sensitive = Symbol("sensitive");
/** Stands where a value is known after apply only. */
export const unknown = Symbol("known after apply");

/** A plan's value as far as it may be shown. */
export type Shown =
  | null
  | boolean
  | number
  | string
  /** `sensitive` or `unknown`. */
  | symbol
  | readonly Shown[]
  | { readonly [key: string]: Shown };

export interface AttributeChange {
  /** `rule[0].expiration[0].days`. */
  readonly path: string;
  readonly before: Shown;
  readonly after: Shown;
}

/** Deeper than any provider's schema goes; what lies below is not looked at. */
const maxDepth = 64;

/** Names of attributes that hold secrets whether or not the provider marks them. */
const secretName =
  /(^|_)(password|passwd|passphrase|secret|token|private_?key|api_?key|auth_key|access_key|secret_string|secret_binary|credentials?|connection_string|user_data|user_data_base64|custom_data|container_definitions|certificate_body|dsn)$/i;
/** Variables of functions and containers are handed over by name only. */
const variablesPath = /(^|\.)(variables|environment_variables|environment)(\[|\.|$)/;
/** Private keys, access key ids, tokens, passwords inside URLs. */
const secretText =
  /-----BEGIN [A-Z ]*PRIVATE KEY|\b(AKIA|ASIA)[A-Z0-9]{16}\b|\beyJ[\w-]{10,}\.[\w-]{10,}|:\/\/[^\s/:@]+:[^\s/@]+@/;

/**
 * A value of a plan without what is sensitive and with a mark where it is not known yet. Pure.
 * @param sensitivity `before_sensitive` or `after_sensitive`: `true`, or a tree with `true` at what is sensitive
 * @param unknowns `after_unknown`, likewise
 */
export function maskValue(value: unknown, sensitivity: unknown, unknowns: unknown, path = "", depth = 0): Shown {
  if (sensitivity === true) return sensitive;
  if (unknowns === true) return unknown;
  if (depth > maxDepth || isSecretName(path)) return value === null || value === undefined ? null : sensitive;
  if (Array.isArray(value) || Array.isArray(unknowns)) {
    const items = Array.isArray(value) ? value : [];
    const length = Math.max(items.length, Array.isArray(unknowns) ? unknowns.length : 0);
    return Array.from({ length }, (_, index) =>
      maskValue(items[index], childOf(sensitivity, index), childOf(unknowns, index), `${path}[${index}]`, depth + 1),
    );
  }
  if (isRecord(value) || isRecord(unknowns)) {
    const keys = new Set([
      ...Object.keys(isRecord(value) ? value : {}),
      ...Object.keys(isRecord(unknowns) ? unknowns : {}),
    ]);
    return Object.fromEntries(
      [...keys].map((key) => [
        key,
        maskValue(childOf(value, key), childOf(sensitivity, key), childOf(unknowns, key), join(path, key), depth + 1),
      ]),
    );
  }
  if (typeof value === "string") return secretText.test(value) ? sensitive : value;
  return typeof value === "number" || typeof value === "boolean" ? value : null;
}

/** Paths at which two values differ, told by the masked ones. Pure. */
export function diffValues(
  raw: readonly [unknown, unknown],
  shown: readonly [Shown, Shown],
  path = "",
): readonly AttributeChange[] {
  const [before, after] = shown;
  if (isTree(before) && isTree(after) && Array.isArray(before) === Array.isArray(after)) {
    const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
    return [...keys].flatMap((key) => {
      const at = Array.isArray(before) ? `${path}[${key}]` : join(path, key);
      const values = [childOf(raw[0], key), childOf(raw[1], key)] as const;
      return diffValues(values, [shownChild(before, key), shownChild(after, key)], at);
    });
  }
  if (after !== unknown && sameValue(raw[0], raw[1])) return [];
  // Nothing became nothing: providers write null, "", [] and {} for what was left out.
  if (isEmpty(before) && isEmpty(after)) return [];
  return [{ path, before, after }];
}

/** `"text"`, `3`, `[2 items]`, `(sensitive)`: one line. Pure. */
export function describeValue(value: Shown): string {
  if (value === sensitive) return "(sensitive)";
  if (value === unknown) return "(known after apply)";
  if (typeof value === "string" && /^\s*[{[]/.test(value)) return `(JSON of ${value.length} characters)`;
  if (typeof value === "string" && (value.length > 120 || /[\n\r]/.test(value)))
    return `(text of ${value.length} characters)`;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  const count = Object.keys(value).length;
  return Array.isArray(value) ? `[${count === 1 ? "1 item" : `${count} items`}]` : `{${count} keys}`;
}

/** The value at `path`, a list's first item being `"0"`; undefined where there is none. Pure. */
export function readPath(value: Shown, path: string): Shown | undefined {
  let at: Shown | undefined = value;
  for (const key of path.split(".")) {
    if (at === unknown || at === sensitive) return at;
    at = at !== undefined && isTree(at) && Object.hasOwn(at, key) ? shownChild(at, key) : undefined;
  }
  return at;
}

export const isHidden = (value: Shown | undefined): value is symbol => value === sensitive || value === unknown;

export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** What a block or list holds: its items, or the thing itself as the only one. */
export function itemsOf(value: Shown | undefined): readonly Shown[] {
  if (value === undefined || value === null) return [];
  return Array.isArray(value) ? value : [value];
}

/** Every leaf with its path. */
export function* walkLeaves(value: Shown, path = ""): Generator<readonly [string, Shown]> {
  if (!isTree(value)) yield [path, value];
  else
    for (const key of Object.keys(value))
      yield* walkLeaves(shownChild(value, key), Array.isArray(value) ? `${path}[${key}]` : join(path, key));
}

const isTree = (value: Shown): value is readonly Shown[] | { readonly [key: string]: Shown } =>
  typeof value === "object" && value !== null;
const shownChild = (tree: Shown, key: string): Shown => (childOf(tree, key) as Shown | undefined) ?? null;
const childOf = (tree: unknown, key: string | number): unknown =>
  typeof tree === "object" && tree !== null && Object.hasOwn(tree, key)
    ? (tree as Readonly<Record<string | number, unknown>>)[key]
    : undefined;
const join = (path: string, key: string): string => (path === "" ? key : `${path}.${key}`);
const isEmpty = (value: Shown): boolean =>
  value === null || value === "" || (isTree(value) && Object.keys(value).length === 0);
function sameValue(one: unknown, other: unknown): boolean {
  if (one === other) return true;
  try {
    return (JSON.stringify(one) ?? "null") === (JSON.stringify(other) ?? "null");
  } catch {
    // Nested too deep to be written down: it is told as changed.
    return false;
  }
}

function isSecretName(path: string): boolean {
  const name =
    path
      .replace(/\[\d+\]$/, "")
      .split(".")
      .at(-1) ?? "";
  // The table itself is walked, so that the names of variables show.
  return (
    secretName.test(name) ||
    (variablesPath.test(path) && !/(^|\.)(variables|environment_variables|environment)(\[\d+\])?$/.test(path))
  );
}
