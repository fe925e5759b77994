import { MixdownError } from "../../core/errors.ts";
import type { Workspace } from "./workspace.ts";

const recordName = "place.json";

export interface Place {
  readonly account: string;
  readonly region: string;
}

/**
 * State knows an environment by its name alone: in another account or region Terraform would replace everything.
 * @throws MixdownError `usage_invalid` when the environment stands elsewhere
 */
export function checkPlace(workspace: Workspace, name: string, place: Place): void {
  const standing = workspace.readRecord(recordName) as Place | undefined;
  if (standing === undefined) return;
  if (standing.account === place.account && standing.region === place.region) return;
  const tell = ({ account, region }: Place): string => `${region} of account ${account}`;
  throw new MixdownError("usage_invalid", {
    message: `${name} stands in ${tell(standing)}, and this is for ${tell(place)}; destroy it there first, or deploy from another checkout with a state of its own (${workspace.stateDir}/${recordName} says so).`,
  });
}

export const recordPlace = (workspace: Workspace, { account, region }: Place): void => {
  workspace.writeRecord(recordName, `${JSON.stringify({ account, region })}\n`);
};

export const forgetPlace = (workspace: Workspace): void => workspace.removeRecord(recordName);
