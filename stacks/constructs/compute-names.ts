import type { EnvironmentStack } from "./environment-stack.ts";

/**
 * What launchers call by name. They are deployed before what they launch, since workers send to their queue: names go one
 * way, references the other.
 */
export const computeNames = (stack: EnvironmentStack) => ({
  cluster: stack.nameOf("workers"),
  taskDefinition: stack.nameOf("worker"),
  gpuTaskDefinition: stack.nameOf("worker-gpu"),
  gpuCapacityProvider: stack.nameOf("gpu"),
  workerFunction: stack.nameOf("worker"),
});
