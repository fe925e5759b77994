import { launchRates, TokenBucket } from "./capacity.ts";
import { count, type Scene } from "./scene.ts";
import { tellOfTaskEnd } from "./task-end.ts";
import type { Task } from "./worker.ts";

/** Lambda gives up on an asynchronous call that waited for this (the function's configured event age). */
const eventAgeMs = 300_000;
const coldStart = { medianMs: 3_000, sigma: 0.4 };
const lookMs = 1_000;

/** Lambda's queue of asynchronous calls and the environments that take from it. */
export class FunctionPool {
  readonly #scene: Scene;
  readonly #run: (task: Task) => Promise<void>;
  readonly #waiting: { readonly task: Task; readonly since: number }[] = [];
  readonly #scaling = new TokenBucket(launchRates.lambda);
  #next = 0;
  #busy = 0;
  #idle = 0;
  #looking = false;

  constructor(scene: Scene, run: (task: Task) => Promise<void>) {
    this.#scene = scene;
    this.#run = run;
  }

  call(task: Task): void {
    this.#waiting.push({ task, since: this.#scene.time.clock.now() });
    this.#serve();
  }

  #serve(): void {
    const { time, tally } = this.#scene;
    for (;;) {
      const call = this.#waiting[this.#next];
      if (call === undefined) break;
      if (time.clock.now() - call.since > eventAgeMs) {
        this.#next += 1;
        count(tally, "calls of the function too old");
        tellOfTaskEnd(this.#scene, { ...call.task, exitCode: null, loss: "no-capacity", detail: "EventAgeExceeded" });
        continue;
      }
      const warm = this.#idle > 0;
      if (!warm && !this.#mayGrow()) break;
      if (warm) this.#idle -= 1;
      this.#next += 1;
      this.#busy += 1;
      this.#scene.crew.start(() => this.#execute(call.task, warm));
    }
    if (this.#next < this.#waiting.length) this.#lookAgain();
    else this.#forget();
  }

  #mayGrow(): boolean {
    const { time, capacity } = this.#scene;
    return this.#busy + this.#idle < capacity.lambda && this.#scaling.take(time.clock.now());
  }

  async #execute(task: Task, warm: boolean): Promise<void> {
    const { time, random } = this.#scene;
    const { medianMs, sigma } = coldStart;
    await time.sleep(warm ? random.between(5, 50) : random.logNormal(medianMs, sigma));
    await this.#run(task);
    this.#busy -= 1;
    this.#idle += 1;
    this.#serve();
  }

  /** What was served goes in one cut, not one by one. */
  #forget(): void {
    this.#waiting.splice(0, this.#next);
    this.#next = 0;
  }

  #lookAgain(): void {
    if (this.#looking) return;
    this.#looking = true;
    this.#scene.time.after(lookMs, () => {
      this.#looking = false;
      this.#serve();
    });
  }
}
