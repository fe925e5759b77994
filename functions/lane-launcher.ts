import { MixdownError } from "../core/errors.ts";
import type { TaskLauncher } from "../core/ports.ts";

/** One launcher for all lanes: the Lambda lane's calls, and tasks for all others. A task's id is its ARN. */
export function createLaneLauncher(tasks: TaskLauncher, calls: TaskLauncher | null): TaskLauncher {
  const of = (taskId: string): TaskLauncher => (taskId.startsWith("arn:") || calls === null ? tasks : calls);
  return {
    launch: async (request) => {
      if (request.lane !== "lambda") return tasks.launch(request);
      if (calls !== null) return calls.launch(request);
      throw new MixdownError("capacity_unavailable", { message: "This installation has no Lambda lane." });
    },
    stop: (taskId) => of(taskId).stop(taskId),
    isAlive: (taskId) => of(taskId).isAlive(taskId),
  };
}
