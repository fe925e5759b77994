import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { acquireInstanceLock, isInstanceLocked } from "../../adapters/embedded/instance-lock.ts";

const script = fileURLToPath(new URL("../fixtures/locking-process.ts", import.meta.url));

describe("one platform per data folder", () => {
  let folder: string;
  const pids: number[] = [];
  beforeEach(() => {
    folder = join(mkdtempSync(join(tmpdir(), "mixdown-lock-")), "data");
  });
  afterEach(() => {
    for (const pid of pids.splice(0)) {
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // It has ended by itself.
      }
    }
    rmSync(join(folder, ".."), { recursive: true });
  });

  /** Another process that takes the lock and keeps it, or says why it could not. */
  async function startHolder() {
    const child = spawn(process.execPath, [script, folder], { stdio: ["ignore", "pipe", "inherit"] });
    if (child.pid !== undefined) pids.push(child.pid);
    const [text] = (await once(child.stdout.setEncoding("utf8"), "data")) as [string];
    return { child, text: text.trim() };
  }

  test("fails when two platforms work in one folder, in one process or in two", async () => {
    const lock = acquireInstanceLock(folder);
    const refused = { code: "usage_store_locked", message: expect.stringContaining(`process ${process.pid}`) };
    expect(() => acquireInstanceLock(folder)).toThrow(expect.objectContaining(refused));
    expect((await startHolder()).text).toBe("usage_store_locked");
    lock.release();
    lock.release();
    expect((await startHolder()).text).toBe("locked");
    expect(() => acquireInstanceLock(folder)).toThrow(expect.objectContaining({ code: "usage_store_locked" }));
  });

  test("fails when another folder is locked as well", async () => {
    const lock = acquireInstanceLock(folder);
    acquireInstanceLock(join(folder, "other")).release();
    lock.release();
  });

  test("fails when a question is answered wrongly, leaves traces, or takes the lock", async () => {
    expect(isInstanceLocked(folder)).toBe(false);
    expect(existsSync(folder)).toBe(false);
    const { child } = await startHolder();
    expect(isInstanceLocked(folder)).toBe(true);
    expect(isInstanceLocked(folder)).toBe(true);
    child.kill("SIGKILL");
    await once(child, "exit");
    expect(isInstanceLocked(folder)).toBe(false);
  });

  test("fails when one that asks is taken for a platform by another that asks", () => {
    acquireInstanceLock(folder).release();
    const asking = new DatabaseSync(join(folder, "platform.lock"));
    asking.exec("BEGIN; SELECT * FROM sqlite_schema");
    expect(isInstanceLocked(folder)).toBe(false);
    asking.close();
  });

  test("fails when a platform that was killed keeps its folder", async () => {
    const { child } = await startHolder();
    child.kill("SIGKILL");
    await once(child, "exit");
    expect((await startHolder()).text).toBe("locked");
  });

  test("fails when two of many platforms that start at once get the folder, or none does", async () => {
    const started = await Promise.all(Array.from({ length: 4 }, startHolder));
    expect(started.map((one) => one.text).toSorted()).toEqual(["locked", ...Array(3).fill("usage_store_locked")]);
  });

  test("fails when those that only ask keep a platform from starting", async () => {
    acquireInstanceLock(folder).release();
    const asking = setInterval(() => isInstanceLocked(folder), 0);
    try {
      for (let round = 0; round < 3; round++) {
        const { child, text } = await startHolder();
        expect(text).toBe("locked");
        child.kill("SIGKILL");
        await once(child, "exit");
      }
    } finally {
      clearInterval(asking);
    }
  });
});
