import { readFileSync } from "node:fs";
import { describeIssues } from "../core/describe-issues.ts";
import { MixdownError } from "../core/errors.ts";
import { type Environment, environmentNames, type SettingName, settings } from "./environment-settings.ts";

export type { Environment };

const refuse = (message: string): never => {
  throw new MixdownError("usage_invalid", { message });
};

/**
 * The environment that `MIXDOWN_ENV` names (unset: dev), with each `MIXDOWN_*` in place of its own value. What a deployment
 * has recorded about its images fills in digests that no variable names.
 * @throws MixdownError `usage_invalid`: path, value, what is allowed, the remedy
 */
export function readEnvironment(env: NodeJS.ProcessEnv = process.env, stateDir = ".state"): Environment {
  const named = env.MIXDOWN_ENV || "dev";
  const name = environmentNames.find((one) => one === named);
  if (name === undefined) {
    return refuse(
      `MIXDOWN_ENV must be one of ${environmentNames.join(", ")} (received "${named}"); correct or unset it.`,
    );
  }
  const recorded = readRecordedImages(`${stateDir}/${name}/images.json`);
  const entries = settingNames.map((key) => {
    const { variable, schema, values } = settings[key];
    const given = env[variable] || undefined;
    const value = given ?? recorded[key] ?? values[name];
    const parsed = schema.safeParse(value);
    if (parsed.success) return [key, parsed.data] as const;
    const place = `environments.${name}.${key} (${variable})`;
    return refuse(`${place} ${describeIssues(parsed.error, value)}; correct or unset ${variable}.`);
  });
  const environment = { name, ...Object.fromEntries(entries) } as Environment;
  refuseContradictions(environment);
  return environment;
}

/** The same for an environment that the caller names. @throws MixdownError `usage_invalid` */
export const readNamedEnvironment = (name: string, env: NodeJS.ProcessEnv = process.env): Environment =>
  environmentNames.some((one) => one === name)
    ? readEnvironment({ ...env, MIXDOWN_ENV: name })
    : refuse(`The environment must be one of ${environmentNames.join(", ")} (received "${name}"); correct it.`);

export const settingNames = Object.keys(settings) as readonly SettingName[];

function refuseContradictions({
  name,
  gpu,
  nat,
  interfaceEndpoints,
  jwksUrl,
  jwtIssuer,
  jwtAudience,
}: Environment): void {
  if (gpu && nat === "none" && !interfaceEndpoints) {
    refuse(
      `environments.${name}.gpu is true while nat is "none": GPU tasks get no public address; set MIXDOWN_NAT to single or per-zone, MIXDOWN_INTERFACE_ENDPOINTS to true, or MIXDOWN_GPU to false.`,
    );
  }
  if (jwksUrl !== "" && (jwtIssuer === "" || jwtAudience === "")) {
    refuse(
      `environments.${name}.jwksUrl is set without ${jwtIssuer === "" ? "jwtIssuer" : "jwtAudience"}: tokens of anybody would pass; set MIXDOWN_JWT_ISSUER and MIXDOWN_JWT_AUDIENCE too.`,
    );
  }
}

/** What the deployment wrote after it had pushed images: `{ workerDigest, … }`. */
function readRecordedImages(path: string): Partial<Record<SettingName, unknown>> {
  try {
    const { workerDigest, workerLambdaDigest, workerGpuDigest } = JSON.parse(readFileSync(path, "utf8"));
    return { workerDigest, workerLambdaDigest, workerGpuDigest };
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === "ENOENT") return {};
    return refuse(`${path} is not readable as JSON; delete it and deploy again.`);
  }
}
