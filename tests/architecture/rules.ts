import { posix } from "node:path";
import { type ModuleImport, readModule } from "./read-module.ts";

interface Room {
  /** Folders, or single files, of the repository that its modules may import besides their own. */
  readonly may: readonly string[];
  /** The same for `wiring.ts` alone, where adapters are picked. */
  readonly wiringMay?: readonly string[];
  /** Folders of which types may be imported (`import type`) and nothing that exists at run time. */
  readonly typesOf?: readonly string[];
  /** Packages that may be imported; what is not listed is refused. Without it: any but the clouds'. */
  readonly packages?: RegExp;
}

const awsSdk = /^(@aws-sdk\/|@smithy\/|aws-sdk$)/;
const terraform = /^(cdktn|cdktf|@cdktn\/.*|@cdktf\/.*|constructs)($|\/)/;

/** The house's table: who may import what. A type-only import counts like any other, save where `typesOf` allows it. */
const rooms: Readonly<Record<string, Room>> = {
  "main.ts": { may: ["config", "stacks", "core"] },
  config: { may: ["core"] },
  core: { may: [], packages: /^(zod|node:crypto)$/ },
  "adapters/embedded": { may: ["core"], packages: /^(node:.*|@fastify\/busboy)$/ },
  "adapters/aws": { may: ["core"] },
  // Ports that speak plain HTTP to the world: the same in both places.
  "adapters/http": { may: ["core"], packages: /^(node:.*|ipaddr\.js)$/ },
  worker: { may: ["core", "config"], wiringMay: ["adapters"] },
  api: { may: ["core"] },
  functions: { may: ["core", "config", "api"], wiringMay: ["adapters"] },
  stacks: {
    may: ["config", "core/cost.ts", "core/errors.ts", "core/lane.ts", "core/limits.ts"],
    typesOf: ["core/permission.ts"],
  },
  // zod in the browser's bundle costs 28 kB and more; run-time checks are thin or `zod/mini`.
  client: { may: [], typesOf: ["core"], packages: /^(zod\/mini|react|next($|\/).*)$/ },
  cli: { may: ["client", "core", "config", "worker", "api"], wiringMay: ["adapters"] },
  console: { may: ["client"] },
};

/** Modules beside the adapters that are no adapters themselves, by name: what several of them stand on. */
const sharedByAdapters: readonly string[] = [
  "adapters/embedded/database.ts",
  "adapters/embedded/object-files.ts",
  "adapters/aws/table.ts",
  "adapters/aws/outbox.ts",
  "adapters/aws/buckets.ts",
];

/** Imports that the table forbids and that stay, each with its reason. One that is not needed any more is a failure. */
const exceptions: Readonly<Record<string, string>> = {
  "core/platform.ts -> ulid": "job ids are ULIDs; the package is pure and takes the time as an argument",
  "core/version.ts -> package.json": "the version is written down once",
};

/** Folders with code that is no product: they may import anything. */
const freeFolders = ["tests", "scripts", "examples"];
const freeFiles = ["vitest.config.ts", "vite.config.ts"];

const maxLines = 300;

export interface ProductFile {
  /** From the repository's root, with forward slashes. */
  readonly path: string;
  readonly text: string;
}

/** One sentence for each rule of the house that the file breaks. */
export function findViolations(file: ProductFile): readonly string[] {
  const { path, text } = file;
  const named = findBadName(path);
  if (isFree(path)) return named;
  const room = roomOf(path);
  if (room === undefined) return [...named, `${path} lies in no folder of the house's table`];
  const facts = readModule(path, text);
  const lines = text.trimEnd().split("\n").length;
  return [
    ...named,
    ...facts.imports.flatMap((one) => findForbiddenImport(path, room, one)),
    ...(facts.readsEnvironment && !path.startsWith("config/") ? [`${path} reads process.env; only config/ may`] : []),
    ...facts.declaredTypes.filter((name) => /(Manager|Service)$/.test(name)).map((name) => `${path} declares ${name}`),
    ...(lines > maxLines ? [`${path} has ${lines} lines; at the most ${maxLines}`] : []),
    ...(path === "main.ts" && lines >= 60 ? [`main.ts has ${lines} lines; it stays under 60`] : []),
  ];
}

function findForbiddenImport(path: string, room: string, one: ModuleImport): readonly string[] {
  const { specifier } = one;
  if (specifier === null) return [`${path} imports a computed target, which no rule can judge`];
  const refusal = isLocal(specifier)
    ? refuseFile(path, room, resolveLocal(path, specifier), one.typeOnly)
    : refusePackage(path, room, specifier);
  if (refusal === null || `${path} -> ${shownTarget(path, specifier)}` in exceptions) return [];
  return [`${path} -> ${shownTarget(path, specifier)}: ${refusal}`];
}

function refuseFile(path: string, room: string, target: string, typeOnly: boolean): string | null {
  const { may, wiringMay = [], typesOf = [] } = rooms[room] ?? { may: [] };
  const targetRoom = roomOf(target);
  if (room.startsWith("adapters/") && targetRoom === room) {
    if (sharedByAdapters.includes(target) || sharedByAdapters.includes(path)) return null;
    // An adapter that has outgrown one file is a folder, whose files belong together.
    if (posix.dirname(path) !== room && posix.dirname(path) === posix.dirname(target)) return null;
    return "an adapter imports its sibling";
  }
  if (targetRoom === room) return null;
  if (may.some((allowed) => isWithin(target, allowed))) return null;
  if (wiringMay.some((allowed) => isWithin(target, allowed))) {
    return posix.basename(path) === "wiring.ts" ? null : "only wiring.ts picks adapters";
  }
  if (typesOf.some((allowed) => isWithin(target, allowed))) return typeOnly ? null : "only its types may be imported";
  return `${room} may import ${[...may, ...typesOf.map((name) => `types of ${name}`), "itself"].join(", ")}`;
}

function refusePackage(path: string, room: string, specifier: string): string | null {
  if (awsSdk.test(specifier)) return room === "adapters/aws" ? null : "the AWS SDK belongs to adapters/aws";
  if (terraform.test(specifier)) {
    return room === "stacks" || path === "main.ts" ? null : "the Terraform generator belongs to stacks";
  }
  const allowed = rooms[room]?.packages;
  return allowed === undefined || allowed.test(specifier) ? null : `${room} may import ${allowed.source} only`;
}

/** Relative paths and the workspaces' own names. */
const isLocal = (specifier: string): boolean => /^(\.|\/|file:|#|@mixdown\/)/.test(specifier);

function resolveLocal(path: string, specifier: string): string {
  const workspace = /^@mixdown\/(.+)$/.exec(specifier)?.[1];
  if (workspace !== undefined) return workspace;
  if (!specifier.startsWith(".")) return specifier;
  // What is built from a folder stands under the same name in dist/.
  return posix.join(posix.dirname(path), specifier).replace(/^dist\//, "");
}

const shownTarget = (path: string, specifier: string): string =>
  isLocal(specifier) ? resolveLocal(path, specifier) : specifier;

const roomOf = (path: string): string | undefined => Object.keys(rooms).find((room) => isWithin(path, room));

const isWithin = (path: string, place: string): boolean => path === place || path.startsWith(`${place}/`);

const isFree = (path: string): boolean =>
  freeFiles.includes(path) || freeFolders.some((folder) => isWithin(path, folder));

function findBadName(path: string): readonly string[] {
  const name = posix.basename(path).replace(/\.[cm]?[jt]sx?$/, "");
  if (/(^|[-.])(utils?|helpers?|managers?|services?)$/i.test(name) || /(Manager|Service|Utils|Helpers)$/.test(name)) {
    return [`${path} is named after nothing; name it after what it exports`];
  }
  if (!/^[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9]+)*$/.test(name)) return [`${path} is not kebab-case`];
  return [];
}

/** Exceptions and shared modules that nothing needs: they must go, or they would cover the next mistake. */
export function findStaleAllowances(files: readonly ProductFile[]): readonly string[] {
  const used = new Set(
    files
      .filter((file) => !isFree(file.path) && roomOf(file.path) !== undefined)
      .flatMap(({ path, text }) =>
        readModule(path, text).imports.map((one) => `${path} -> ${shownTarget(path, one.specifier ?? "")}`),
      ),
  );
  const targets = new Set([...used].map((pair) => pair.split(" -> ")[1]));
  return [
    ...Object.keys(exceptions).filter((pair) => !used.has(pair)),
    ...sharedByAdapters.filter((path) => !targets.has(path)),
  ];
}
