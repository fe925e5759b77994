import type { Permission } from "../core/permission.ts";
import type { Grantee } from "./function-names.ts";
import generated from "./permissions.json" with { type: "json" };

/** What each function, and the worker, calls: made from its adapters' tables by `npm run build:permissions`. */
export const permissionsOf = (grantee: Grantee): readonly Permission[] =>
  (generated as unknown as Readonly<Record<Grantee, readonly Permission[]>>)[grantee];
