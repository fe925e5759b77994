import { MixdownError } from "./errors.ts";
import type { TaskLauncher } from "./ports.ts";

/**
 * One launcher of two: calls of the worker's function for the Lambda lane, tasks for every other. A task's id says
 * which it is: tasks have ARNs, calls have request ids.
 */
export function createLaneLauncher(launchers: {
  readonly tasks: TaskLauncher;
  /** `null`: this installation has no such lane. */
  readonly calls: TaskLauncher | null;
}): TaskLauncher {
  const { tasks, calls } = launchers;
  const ownerOf = (taskId: string): TaskLauncher | null => (taskId.startsWith("arn:") ? tasks : calls);
  return {
    async launch(request) {
      const launcher = request.lane === "lambda" ? calls : tasks;
      if (launcher !== null) return launcher.launch(request);
      // The next lane has what this installation has not.
      throw new MixdownError("capacity_unavailable", { message: "This installation runs no jobs as functions." });
    },
    stop: async (taskId) => ownerOf(taskId)?.stop(taskId),
    isAlive: async (taskId) => (await ownerOf(taskId)?.isAlive(taskId)) ?? false,
  };
}
