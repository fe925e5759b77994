import { setImmediate as soon } from "node:timers/promises";

/** The parts of a connection that a group needs; each throws what went wrong. */
export interface GroupedConnection {
  exec(sql: string): void;
  readonly isTransaction: boolean;
}

export interface CommitOptions {
  /**
   * `power`: it is on disk when this resolves. `kill`: it may be lost with the power, not with the process; for what
   * is made good at the next start anyway, and four times as fast. @default "power"
   */
  readonly survives?: "power" | "kill";
}

interface Member {
  readonly survives: "power" | "kill";
  run(): () => void;
  fail(error: unknown): void;
}

export interface GroupCommit {
  /** Runs `work` soon, whole or not at all; resolves with its result once that is committed. */
  commit<T>(work: () => T, options?: CommitOptions): Promise<T>;
  /** Commits what still waits, now. */
  flush(): void;
}

/**
 * Puts the writes of requests that come at the same time into one transaction: the disk is then waited for once, not
 * once each. A work that throws takes back its own writes alone.
 */
export function createGroupCommit(connection: GroupedConnection): GroupCommit {
  let waiting: Member[] = [];

  const flush = (): void => {
    const members = waiting;
    waiting = [];
    if (members.length === 0) return;
    const answers: (() => void)[] = [];
    // Without a wait for the disk; the next commit that does wait takes this one along.
    const relaxed = members.every((member) => member.survives === "kill");
    try {
      if (relaxed) connection.exec("PRAGMA synchronous = NORMAL");
      // IMMEDIATE: a transaction that reads first and wants to write later could not wait for another writer.
      connection.exec("BEGIN IMMEDIATE");
      for (const member of members) answers.push(runMember(connection, member));
      connection.exec("COMMIT");
    } catch (error) {
      for (const member of members) member.fail(error);
      // Some faults (a full disk) have rolled back already.
      if (connection.isTransaction) connection.exec("ROLLBACK");
      return;
    } finally {
      if (relaxed) connection.exec("PRAGMA synchronous = FULL");
    }
    for (const answer of answers) answer();
  };

  return {
    flush,
    commit: (work, { survives = "power" } = {}) =>
      new Promise((resolve, reject) => {
        const run = () => {
          const result = work();
          return () => resolve(result);
        };
        // After the events that are at hand: what they ask for comes along.
        if (waiting.length === 0) void soon().then(flush);
        waiting.push({ survives, run, fail: reject });
      }),
  };
}

/** @returns what tells the member, once all is committed. @throws when the whole transaction is lost */
function runMember(connection: GroupedConnection, member: Member): () => void {
  connection.exec("SAVEPOINT member");
  try {
    const answer = member.run();
    connection.exec("RELEASE member");
    return answer;
  } catch (error) {
    if (!connection.isTransaction) throw error;
    connection.exec("ROLLBACK TO member; RELEASE member");
    return () => member.fail(error);
  }
}
