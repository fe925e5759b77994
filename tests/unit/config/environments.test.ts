import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { environmentNames, settings } from "../../../config/environment-settings.ts";
import { readEnvironment } from "../../../config/environments.ts";
import { MixdownError } from "../../../core/errors.ts";
import { renewReadme } from "../../../scripts/build-environment-table.ts";

function refusalOf(env: NodeJS.ProcessEnv): MixdownError {
  try {
    readEnvironment(env);
  } catch (thrown) {
    if (thrown instanceof MixdownError) return thrown;
    throw thrown;
  }
  throw new Error("it was accepted");
}

/** The sentence names the setting's path, its variable, what came, what is allowed, and the remedy. */
test.each([
  ["MIXDOWN_NAT", "two", "nat", "one of none, single, per-zone"],
  ["MIXDOWN_ZONES", "4", "zones", "a whole number from 2 to 3"],
  ["MIXDOWN_ZONES", "two", "zones", "a whole number from 2 to 3"],
  ["MIXDOWN_GPU", "yes", "gpu", "one of true, false, 1, 0"],
  ["MIXDOWN_REGION", "mars", "region", "a region of AWS"],
  ["MIXDOWN_ACCOUNT", "12", "account", "twelve digits"],
  ["MIXDOWN_WORKER_DIGEST", "latest", "workerDigest", "a digest, sha256:"],
  ["MIXDOWN_CORS_ORIGINS", "https://a.b/c", "corsOrigins", "origins such as"],
  ["MIXDOWN_VPC_CIDR", "10.0.0.0/8", "cidr", "a /16 such as"],
])("fails when %s=%s is taken, or refused without saying what is allowed", (variable, value, path, allowed) => {
  const { code, message } = refusalOf({ MIXDOWN_ENV: "stage", [variable]: value });
  expect(code).toBe("usage_invalid");
  expect(message).toContain(`environments.stage.${path} (${variable}) must be `);
  expect(message).toContain(`(received "${value}")`);
  expect(message).toContain(allowed);
  expect(message).toMatch(new RegExp(`; correct or unset ${variable}\\.$`));
});

test("fails when an environment that nobody knows is taken", () => {
  expect(refusalOf({ MIXDOWN_ENV: "live" }).message).toBe(
    'MIXDOWN_ENV must be one of dev, test, stage, prod (received "live"); correct or unset it.',
  );
});

test("fails when GPU tasks could not reach their image", () => {
  expect(refusalOf({ MIXDOWN_GPU: "true" }).message).toContain("environments.dev.gpu is true while nat is");
  expect(readEnvironment({ MIXDOWN_GPU: "true", MIXDOWN_INTERFACE_ENDPOINTS: "1" }).gpu).toBe(true);
});

test("fails when anybody's token would be accepted", () => {
  const env = { MIXDOWN_JWT_JWKS_URL: "https://id.example.org/jwks", MIXDOWN_JWT_ISSUER: "https://id.example.org" };
  expect(refusalOf(env).message).toContain("without jwtAudience");
});

test("fails when an environment's own values break its schema", () => {
  for (const name of environmentNames) expect(readEnvironment({ MIXDOWN_ENV: name }).name).toBe(name);
});

test("fails when an empty variable counts as set", () => {
  expect(readEnvironment({ MIXDOWN_ENV: "", MIXDOWN_NAT: "" }).nat).toBe("none");
});

test("fails when `test` leaves an optional part out", () => {
  const environment = readEnvironment({ MIXDOWN_ENV: "test" });
  const parts = Object.entries(environment).filter(([, value]) => typeof value === "boolean");
  const off = parts.filter(([, value]) => value === false).map(([name]) => name);
  // Not parts: what would keep `destroy` from ending, and whose results one owner may see.
  expect(off.sort()).toEqual(["deletionProtection", "sharedCache"]);
});

test("fails when a variable has two settings", () => {
  const variables = Object.values(settings).map(({ variable }) => variable);
  expect(new Set(variables).size).toBe(variables.length);
});

test("fails when what a deployment recorded of its images is not used, or beats a variable", () => {
  const folder = mkdtempSync(join(tmpdir(), "mixdown-environment-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const [recorded, given] = ["a", "b"].map((letter) => `sha256:${letter.repeat(64)}`);
  mkdirSync(join(folder, "dev"));
  writeFileSync(join(folder, "dev", "images.json"), JSON.stringify({ workerDigest: recorded }));
  expect(readEnvironment({}, folder).workerDigest).toBe(recorded);
  expect(readEnvironment({ MIXDOWN_WORKER_DIGEST: given }, folder).workerDigest).toBe(given);
  expect(readEnvironment({ MIXDOWN_ENV: "prod" }, folder).workerDigest).toBe("");
});

test("fails when the README's table is not that of today: npm run build:environments", () => {
  const text = readFileSync(new URL("../../../README.md", import.meta.url), "utf8");
  expect(text).toBe(renewReadme(text));
});
