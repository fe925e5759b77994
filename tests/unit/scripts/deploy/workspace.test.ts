import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { checkPlace, forgetPlace, recordPlace } from "../../../../scripts/deploy/place.ts";
import { closureOf, Workspace } from "../../../../scripts/deploy/workspace.ts";

function open(): { workspace: Workspace; folder: string } {
  const folder = mkdtempSync(join(tmpdir(), "mixdown-workspace-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return { workspace: new Workspace(folder, "dev", {}), folder };
}

test("fails when two deploy from one folder at once, or a killed one blocks it", () => {
  const { workspace, folder } = open();
  const unlock = workspace.lock();
  expect(() => workspace.lock()).toThrow(`Process ${process.pid} is deploying`);
  unlock();
  workspace.lock()();
  mkdirSync(join(folder, ".state"), { recursive: true });
  // No process has this number (kernel.pid_max is at most 2^22).
  writeFileSync(join(folder, ".state", "deploy.pid"), "4194305");
  workspace.lock()();
});

test("fails when an environment can be deployed to a second place over its state", () => {
  const { workspace } = open();
  const here = { account: "111111111111", region: "us-east-1" };
  checkPlace(workspace, "dev", here);
  recordPlace(workspace, here);
  checkPlace(workspace, "dev", here);
  expect(() => checkPlace(workspace, "dev", { ...here, region: "eu-west-1" })).toThrow(
    "dev stands in us-east-1 of account 111111111111",
  );
  expect(() => checkPlace(workspace, "dev", { ...here, account: "222222222222" })).toThrow("destroy it there first");
  forgetPlace(workspace);
  checkPlace(workspace, "dev", { ...here, region: "eu-west-1" });
});

test("fails when recorded digests do not reach the settings, or a record leaves a piece behind", () => {
  const { workspace } = open();
  const workerDigest = `sha256:${"a".repeat(64)}`;
  workspace.writeRecord("images.json", JSON.stringify({ workerDigest }));
  expect(workspace.readSettings()).toMatchObject({ name: "dev", workerDigest });
  expect(readdirSync(workspace.stateDir)).toEqual(["images.json"]);
});

test("fails when a record that somebody spoiled is not named", () => {
  const { workspace } = open();
  workspace.writeRecord("place.json", "{");
  expect(() => workspace.readRecord("place.json")).toThrow("place.json is not readable as JSON; delete it");
});

test("fails when the registry is deployed without what it reads from, or with more", () => {
  const stack = (part: string, ...needs: readonly string[]) => ({ part, folder: "", needs });
  const stacks = [
    stack("network"),
    stack("storage"),
    stack("registry", "storage"),
    stack("jobs", "storage", "network"),
  ];
  expect(closureOf(stacks, "registry").map(({ part }) => part)).toEqual(["storage", "registry"]);
});
