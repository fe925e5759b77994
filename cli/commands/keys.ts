import { createApiKey } from "../../core/api-keys.ts";
import { type ApiKeyRecord, type ApiScope, apiScopes } from "../../core/api-ports.ts";
import { MixdownError } from "../../core/errors.ts";
import { addDataFlag, type StoreOptions, withStore } from "../embedded-store.ts";
import { parseNumber } from "../param-flags.ts";
import { formatTable } from "../report-table.ts";
import { addCommonFlags, type DefineCommand, examples, type Session } from "../session.ts";

interface KeyOptions extends StoreOptions {
  readonly owner?: string;
  readonly name?: string;
  readonly scope?: readonly ApiScope[];
  readonly days?: number;
}

export const defineKeys: DefineCommand = (command, session) => {
  command
    .helpGroup("The HTTP API here:")
    .description("Lists, makes and removes keys for the HTTP API.")
    .helpCommand(false)
    .addHelpText("after", examples("mixdown keys create --name front-end", "mixdown keys list"));
  const withOwner = (name: string, description: string) =>
    addCommonFlags(
      addDataFlag(command.command(name).description(description)).option(
        "--owner <OWNER>",
        "whom the key acts for (default: MIXDOWN_DEFAULT_OWNER or local)",
      ),
    );
  withOwner("list", "Lists an owner's keys; secrets are not kept and cannot be shown.").action(
    session.action((options: KeyOptions) => listKeys(options, session)),
  );
  withOwner("create", "Makes a key and prints it, this once.")
    .option("--name <NAME>", "what it is for", "")
    .option("--scope <SCOPE>", `what it may do: ${apiScopes.join(", ")}; repeatable (default: all)`, addScope)
    .option("--days <number>", "days until it is refused (default: never)", (text: string) =>
      parseNumber("--days", text, { min: 1, max: 3_650, whole: true }),
    )
    .addHelpText("after", examples("mixdown keys create --name front-end --scope jobs:read --scope jobs:write"))
    .action(session.action((options: KeyOptions) => createKey(options, session)));
  withOwner("remove", "Removes a key; it is refused from then on.")
    .argument("<KEYID>", "the part between mxd_ and the next _")
    .action(session.action((keyId: string, options: KeyOptions) => removeKey(keyId, options, session)));
};

function addScope(text: string, before: readonly ApiScope[] = []): readonly ApiScope[] {
  const scope = apiScopes.find((candidate) => candidate === text);
  if (scope !== undefined) return [...before, scope];
  throw new MixdownError("usage_invalid", {
    message: `--scope is ${JSON.stringify(text)}; allowed are ${apiScopes.join(", ")}.`,
  });
}

function listKeys(options: KeyOptions, { reporter }: Session): Promise<number> {
  return withStore(options, async ({ keys, config }) => {
    const records = await keys.list(options.owner ?? config.defaultOwner);
    reporter.printJson({ keys: records.map(hideHash) });
    if (records.length === 0) reporter.note("No keys.");
    else reporter.print(formatKeys(records));
    return 0;
  });
}

function createKey(options: KeyOptions, { reporter }: Session): Promise<number> {
  const create = { create: true };
  return withStore(
    options,
    async ({ keys, config, platform }) => {
      const { owner = config.defaultOwner, name = "", scope: scopes, days } = options;
      const { key, record } = await createApiKey({ keys, clock: platform.clock }, { owner, name, scopes, days });
      reporter.note("The key is shown this once; only its hash is kept.");
      reporter.printJson({ key, ...hideHash(record) });
      reporter.print(key);
      return 0;
    },
    create,
  );
}

function removeKey(keyId: string, options: KeyOptions, { reporter }: Session): Promise<number> {
  return withStore(options, async ({ keys, config }) => {
    const owner = options.owner ?? config.defaultOwner;
    if (!(await keys.remove(owner, keyId))) {
      throw new MixdownError("usage_invalid", {
        message: `${owner} has no key ${JSON.stringify(keyId)}; \`mixdown keys list\` shows them.`,
      });
    }
    reporter.printJson({ removed: keyId });
    reporter.note(`Key ${keyId} is removed.`);
    return 0;
  });
}

const hideHash = ({ secretHash, ...shown }: ApiKeyRecord) => shown;

const formatKeys = (records: readonly ApiKeyRecord[]): string =>
  formatTable([
    ["key id", "name", "scopes", "expires", "last used"],
    ...records.map(({ keyId, name, scopes, expiresAt, lastUsedAt }) => [
      keyId,
      name,
      scopes.length === apiScopes.length ? "all" : scopes.join(" "),
      expiresAt?.slice(0, 10) ?? "never",
      lastUsedAt?.slice(0, 19).replace("T", " ") ?? "never",
    ]),
  ]);
