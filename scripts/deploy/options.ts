import { parseArgs } from "node:util";
import { environmentNames } from "../../config/environment-settings.ts";
import { MixdownError } from "../../core/errors.ts";

export interface DeployOptions {
  readonly env: string;
  /** In place of the environment's own. */
  readonly region: string | undefined;
  readonly planOnly: boolean;
  /** Goes on although a plan deletes or replaces something that holds data. */
  readonly acceptLosses: boolean;
  /** Pushes the images that lie in the builder's storage, as they are. */
  readonly useBuilt: boolean;
  /** Builds and pushes images although the registry has those of this source: for Debian's fixes. */
  readonly rebuild: boolean;
  readonly smoke: boolean;
  readonly builder: "docker" | "buildah" | undefined;
}

export interface DestroyOptions {
  readonly env: string;
  readonly region: string | undefined;
  readonly planOnly: boolean;
  /** Asks nobody. */
  readonly yes: boolean;
}

export const deployUsage = `npm run deploy -- --env NAME [options]

  --env NAME          ${environmentNames.join(", ")}
  --region REGION     instead of the environment's own
  --plan-only         changes nothing; says what each stack's plan would do
  --accept-losses     goes on although a plan deletes or replaces what holds data
  --builder NAME      docker or buildah; default: docker where its daemon answers
  --use-built         pushes localhost/mixdown-NAME:latest as \`npm run images:build\` left them
  --rebuild           builds images anew although the registry has those of this source
  --no-smoke          no job at the end`;

export const destroyUsage = `npm run destroy -- --env NAME [options]

  --env NAME          ${environmentNames.join(", ")}
  --region REGION     instead of the environment's own
  --plan-only         changes nothing; says what would go
  --yes               does not ask`;

const common = {
  env: { type: "string" },
  region: { type: "string" },
  "plan-only": { type: "boolean", default: false },
  help: { type: "boolean", short: "h", default: false },
} as const;

/**
 * @param variables where npm leaves the options that it has kept for itself
 * @returns null when only the usage was asked for
 * @throws MixdownError `usage_invalid`
 */
export function parseDeployOptions(args: readonly string[], variables: NodeJS.ProcessEnv = {}): DeployOptions | null {
  refuseKept(variables, "deploy");
  const values = refuseWrong(deployUsage, () => {
    const flag = { type: "boolean", default: false } as const;
    const options = {
      ...common,
      "accept-losses": flag,
      "use-built": flag,
      rebuild: flag,
      "no-smoke": flag,
      builder: { type: "string" },
    } as const;
    return parseArgs({ args: [...args], options, allowPositionals: false }).values;
  });
  if (values.help) return null;
  const { builder } = values;
  if (builder !== undefined && builder !== "docker" && builder !== "buildah") {
    return refuse(`--builder is ${JSON.stringify(builder)}; allowed are docker and buildah.`);
  }
  if (values["use-built"] && values.rebuild)
    return refuse("--use-built and --rebuild exclude each other; leave one out.");
  return {
    env: requireEnv(values.env, "deploy"),
    region: values.region,
    planOnly: values["plan-only"],
    acceptLosses: values["accept-losses"],
    useBuilt: values["use-built"],
    rebuild: values.rebuild,
    smoke: !values["no-smoke"],
    builder,
  };
}

/** As `parseDeployOptions`. */
export function parseDestroyOptions(args: readonly string[], variables: NodeJS.ProcessEnv = {}): DestroyOptions | null {
  refuseKept(variables, "destroy");
  const values = refuseWrong(destroyUsage, () => {
    const options = { ...common, yes: { type: "boolean", default: false } } as const;
    return parseArgs({ args: [...args], options, allowPositionals: false }).values;
  });
  if (values.help) return null;
  const env = requireEnv(values.env, "destroy");
  return { env, region: values.region, planOnly: values["plan-only"], yes: values.yes };
}

/** Without the `--` npm takes options for its own: a deployment would miss `--plan-only`, and deploy. */
function refuseKept(variables: NodeJS.ProcessEnv, script: string): void {
  const names = ["env", "region", "plan-only", "accept-losses", "builder", "use-built", "rebuild", "smoke"];
  const kept = names.find((name) => variables[`npm_config_${name.replaceAll("-", "_")}`] !== undefined);
  if (kept === undefined) return;
  refuse(
    `npm kept --${kept === "smoke" ? "no-smoke" : kept} for itself; options stand after a --, as in \`npm run ${script} -- --env dev\`.`,
  );
}

function requireEnv(env: string | undefined, script: string): string {
  const known: readonly string[] = environmentNames;
  if (env !== undefined && known.includes(env)) return env;
  const received = env === undefined ? "is missing" : `is ${JSON.stringify(env)}`;
  return refuse(`--env ${received}; allowed are ${known.join(", ")}, as in \`npm run ${script} -- --env dev\`.`);
}

function refuseWrong<T>(usage: string, parse: () => T): T {
  try {
    return parse();
  } catch (thrown) {
    const [what = ""] = String(thrown instanceof Error ? thrown.message : thrown).split(". ");
    return refuse(`${what}.\n${usage}`);
  }
}

const refuse = (message: string): never => {
  throw new MixdownError("usage_invalid", { message });
};
