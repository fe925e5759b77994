import type { StandingParts } from "../core/cost.ts";
import type { Environment } from "./environments.ts";
import { functionNames } from "./function-names.ts";
import { interfaceEndpointNames } from "./interface-endpoint-names.ts";

/** API, table, queues, jobs and launches: what rings whatever the settings are, by the metrics that are read. */
const alarmsAlways = 11;
/** A stream takes its time, and so does the worker: nobody is told of theirs. */
const untimedFunctions = 1;

/**
 * What of an environment's stacks costs at rest, told from its settings without synthesizing them. A test holds it
 * against the stacks.
 */
export function listStandingParts(environment: Environment): StandingParts {
  const { nat, zones, interfaceEndpoints, ownKey, alarms, uploadTrigger, statusTable, lambdaLane } = environment;
  const natGateways = { none: 0, single: 1, "per-zone": zones }[nat];
  const absent = (uploadTrigger ? 0 : 1) + (statusTable ? 0 : 1);
  const functions = functionNames.length - absent;
  const functionAlarms = functions + (functions - untimedFunctions) + (lambdaLane ? 1 : 0);
  return {
    natGateways,
    interfaceEndpointZones: interfaceEndpoints ? interfaceEndpointNames.length * zones : 0,
    kmsKeys: ownKey ? 1 : 0,
    alarms: alarms ? alarmsAlways + natGateways + functionAlarms : 0,
    dashboards: alarms ? 1 : 0,
  };
}
