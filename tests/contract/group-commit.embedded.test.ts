import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createGroupCommit, type GroupCommit } from "../../adapters/embedded/group-commit.ts";

describe("writes that share a transaction", () => {
  let sqlite: DatabaseSync;
  let group: GroupCommit;
  let said: string[];
  /** What the next COMMIT throws, once. */
  let fault: Error | null;
  beforeEach(() => {
    sqlite = new DatabaseSync(":memory:");
    sqlite.exec("CREATE TABLE notes (text TEXT UNIQUE) STRICT");
    [said, fault] = [[], null];
    group = createGroupCommit({
      exec: (sql) => {
        said.push(sql);
        const thrown = sql === "COMMIT" ? fault : null;
        if (thrown !== null) {
          fault = null;
          throw thrown;
        }
        sqlite.exec(sql);
      },
      get isTransaction() {
        return sqlite.isTransaction;
      },
    });
  });
  afterEach(() => sqlite.close());

  const note = (text: string) => () => sqlite.prepare("INSERT INTO notes VALUES (?)").run(text).changes;
  const read = () =>
    sqlite
      .prepare("SELECT text FROM notes ORDER BY text")
      .all()
      .map((row) => row.text);
  const commits = () => said.filter((sql) => sql === "COMMIT").length;

  test("fails when writes that are asked for at once are committed one by one, or one is lost", async () => {
    const texts = Array.from({ length: 50 }, (_, index) => `note ${index + 100}`);
    expect(await Promise.all(texts.map((text) => group.commit(note(text))))).toEqual(texts.map(() => 1));
    expect(read()).toEqual(texts);
    expect(commits()).toBe(1);
    await group.commit(note("another"));
    expect(commits()).toBe(2);
  });

  test("fails when a work that throws keeps a part of its writes, or takes its neighbours' with it", async () => {
    const half = group.commit(() => {
      note("half")();
      note("first")();
    });
    const outcomes = await Promise.allSettled([group.commit(note("first")), half, group.commit(note("last"))]);
    // "half" was asked for first, so its own "first" stands in nobody's way but is the only one refused later.
    expect(outcomes.map((outcome) => outcome.status)).toEqual(["rejected", "fulfilled", "fulfilled"]);
    expect(read()).toEqual(["first", "half", "last"]);
    const broken = group.commit(() => {
      note("kept by nobody")();
      throw new Error("no");
    });
    await expect(Promise.all([broken, group.commit(note("z"))])).rejects.toThrow("no");
    expect(read()).toEqual(["first", "half", "last", "z"]);
  });

  test("fails when somebody is told of a success that is not on disk", async () => {
    fault = new Error("the disk is gone");
    const outcomes = await Promise.allSettled([group.commit(note("a")), group.commit(note("b"))]);
    expect(outcomes).toEqual([
      { status: "rejected", reason: new Error("the disk is gone") },
      { status: "rejected", reason: new Error("the disk is gone") },
    ]);
    expect(read()).toEqual([]);
    expect(sqlite.isTransaction).toBe(false);
    await group.commit(note("c"));
    expect(read()).toEqual(["c"]);
  });

  test("fails when somebody is told before the commit", async () => {
    let told = false;
    const asked = group.commit(note("a")).then(() => {
      told = true;
    });
    await Promise.resolve();
    expect([told, commits()]).toEqual([false, 0]);
    await asked;
    expect(commits()).toBe(1);
  });

  test("fails when what must survive a power cut is not waited for, or what need not is", async () => {
    const pragmas = () => said.filter((sql) => sql.startsWith("PRAGMA"));
    await group.commit(note("a"), { survives: "kill" });
    expect(said[0]).toBe("PRAGMA synchronous = NORMAL");
    expect(pragmas()).toEqual(["PRAGMA synchronous = NORMAL", "PRAGMA synchronous = FULL"]);
    await Promise.all([group.commit(note("b"), { survives: "kill" }), group.commit(note("c"))]);
    expect(pragmas()).toHaveLength(2);
    fault = new Error("no");
    await expect(group.commit(note("d"), { survives: "kill" })).rejects.toThrow("no");
    expect(pragmas().at(-1)).toBe("PRAGMA synchronous = FULL");
    expect(read()).toEqual(["a", "b", "c"]);
  });

  test("fails when what waits is lost at a close", async () => {
    const asked = group.commit(note("a"));
    group.flush();
    expect(read()).toEqual(["a"]);
    await asked;
    expect(commits()).toBe(1);
  });
});
