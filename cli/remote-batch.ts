import type { RemoteTarget } from "../config/remote.ts";
import type { KindName } from "../core/kinds/index.ts";
import { type BatchOptions, runEach } from "./local-batch.ts";
import { withRemote } from "./remote.ts";
import { type RemoteWork, runRemote } from "./remote-run.ts";
import type { Session } from "./session.ts";

/** Does on a platform elsewhere what `runBatch` does here. @returns the exit code of the first failure, or 0 */
export const runRemoteBatch = (
  kind: KindName,
  works: readonly (Omit<RemoteWork, "kind"> & { readonly given: string })[],
  target: RemoteTarget,
  session: Session,
  options: BatchOptions,
): Promise<number> =>
  runEach(
    works.map((work) => ({ ...work, kind })),
    session,
    options,
    (work) => withRemote(target, session.signal, (client) => runRemote(work, client, session)),
  );
