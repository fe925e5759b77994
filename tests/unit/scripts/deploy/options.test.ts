import { expect, test } from "vitest";
import { MixdownError } from "../../../../core/errors.ts";
import { parseDeployOptions, parseDestroyOptions } from "../../../../scripts/deploy/options.ts";

const refusalOf = (parse: () => unknown): MixdownError => {
  try {
    parse();
  } catch (thrown) {
    if (thrown instanceof MixdownError) return thrown;
    throw thrown;
  }
  throw new Error("nothing was refused");
};

test.each([
  ["no environment", [], "--env is missing"],
  ["an unknown environment", ["--env", "live"], '--env is "live"'],
  ["an unknown option", ["--env", "dev", "--fast"], "--fast"],
  ["a stray word", ["--env", "dev", "prod"], "prod"],
  ["an unknown builder", ["--env", "dev", "--builder", "podman"], '--builder is "podman"'],
  ["images both kept and made anew", ["--env", "dev", "--use-built", "--rebuild"], "exclude each other"],
])("fails when %s is deployed", (_what, args, said) => {
  const { code, message } = refusalOf(() => parseDeployOptions(args));
  expect(code).toBe("usage_invalid");
  expect(message).toContain(said);
});

test.each([
  ["npm run deploy --plan-only -- --env dev", { npm_config_plan_only: "true" }, "--plan-only"],
  ["npm run deploy --env dev", { npm_config_env: "true" }, "--env"],
  ["npm run deploy --no-smoke -- --env dev", { npm_config_smoke: "" }, "--no-smoke"],
])("fails when %s deploys without what npm kept for itself", (_what, env, kept) => {
  for (const parse of [parseDeployOptions, parseDestroyOptions]) {
    const { code, message } = refusalOf(() => parse(["--env", "dev"], env));
    expect(code).toBe("usage_invalid");
    expect(message).toContain(`npm kept ${kept} for itself`);
  }
});

test("fails when an option does something that nobody asked for", () => {
  expect(parseDeployOptions(["--env", "dev"])).toEqual({
    env: "dev",
    region: undefined,
    planOnly: false,
    acceptLosses: false,
    useBuilt: false,
    rebuild: false,
    smoke: true,
    builder: undefined,
  });
  const planned = parseDeployOptions(["--env", "prod", "--plan-only", "--region", "eu-west-1", "--no-smoke"]);
  expect(planned).toMatchObject({ planOnly: true, region: "eu-west-1", smoke: false });
  expect(parseDestroyOptions(["--env", "dev"])).toMatchObject({ yes: false, planOnly: false });
});

test("fails when help needs an environment", () => {
  expect(parseDeployOptions(["--help"])).toBe(null);
  expect(parseDestroyOptions(["-h"])).toBe(null);
});
