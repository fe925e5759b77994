import type { IncomingMessage } from "node:http";
import { type Answer, Front } from "./front.ts";

/** What ECS says to one RunTask instead of starting something. */
export type Refusal = "capacity" | "throttled" | "missing" | "access-denied" | "conflict-with-a-stranger";

const refusals: Readonly<Record<Refusal, { readonly status: number; readonly body: unknown }>> = {
  capacity: { status: 200, body: { tasks: [], failures: [{ arn: "arn:aws:ecs:::x", reason: "RESOURCE:CPU" }] } },
  throttled: { status: 400, body: { __type: "ThrottlingException", message: "Rate exceeded" } },
  missing: { status: 200, body: { tasks: [], failures: [{ arn: "arn:aws:ecs:::x", reason: "MISSING" }] } },
  "access-denied": { status: 400, body: { __type: "AccessDeniedException", message: "not allowed to pass the role" } },
  "conflict-with-a-stranger": {
    status: 400,
    body: { __type: "ConflictException", message: "the token was used", resourceIds: ["arn:aws:ecs:::task/other"] },
  },
};

/**
 * ECS's door before the emulator's: a client token starts one task however often it is asked, as the emulator's does
 * not, and refusals come when a test wants them.
 */
export class EcsFront extends Front {
  /** Taken one by one, each for one call of RunTask; the SDK itself repeats what is throttled. */
  readonly refusals: Refusal[] = [];
  /** Names of the jobs whose RunTask was let through, in order. */
  readonly launched: string[] = [];
  readonly #answers = new Map<string, { readonly input: string; readonly answer: Promise<Answer> }>();

  protected override serve(request: IncomingMessage, input: string): Promise<Answer> {
    return this.is(request, /^RunTask$/) ? this.#runTask(request, input) : this.forward(request, input);
  }

  async #runTask(request: IncomingMessage, input: string): Promise<Answer> {
    const refusal = this.refusals.shift();
    if (refusal !== undefined)
      return { status: refusals[refusal].status, body: JSON.stringify(refusals[refusal].body) };
    const { clientToken, overrides } = JSON.parse(input) as {
      clientToken: string;
      overrides: { containerOverrides: { environment: { value: string }[] }[] };
    };
    const standing = this.#answers.get(clientToken);
    if (standing !== undefined && standing.input === input) return standing.answer;
    if (standing !== undefined) {
      const { tasks } = JSON.parse((await standing.answer).body) as { tasks: { taskArn: string }[] };
      const resourceIds = tasks.map((task) => task.taskArn);
      const conflict = { __type: "ConflictException", message: "the token was used", resourceIds };
      return { status: 400, body: JSON.stringify(conflict) };
    }
    this.launched.push(overrides.containerOverrides[0]?.environment[0]?.value ?? "");
    const answer = this.forward(request, input);
    this.#answers.set(clientToken, { input, answer });
    return answer;
  }
}
