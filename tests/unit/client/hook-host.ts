import { createRequire } from "node:module";

// The client's own React, without a renderer: a dispatcher is all that its hooks ask for.
const react = createRequire(new URL("../../../client/package.json", import.meta.url))("react") as Record<
  string,
  unknown
>;
const internals = react.__CLIENT_INTERNALS_DO_NOT_USE_OR_WARN_USERS_THEY_CANNOT_UPGRADE as { H: unknown };

type Deps = readonly unknown[] | undefined;
interface Slot {
  value?: unknown;
  deps?: Deps;
  cleanup?: (() => void) | undefined;
  effect?: (() => undefined | (() => void)) | undefined;
}

const isSame = (before: Deps, after: Deps): boolean =>
  before !== undefined && after !== undefined && before.every((value, index) => Object.is(value, after[index]));

/** Stands for a component that calls one hook: renders it again when its state changes, runs and ends its effects. */
export class HookHost<Props, Result> {
  readonly #hook: (props: Props) => Result;
  readonly #slots: Slot[] = [];
  #props: Props;
  #dirty = false;
  #gone = false;
  /** What the hook returned, render by render. */
  readonly results: Result[] = [];

  constructor(hook: (props: Props) => Result, props: Props) {
    this.#hook = hook;
    this.#props = props;
    this.#render();
  }

  get result(): Result {
    return this.results.at(-1) as Result;
  }

  rerender(props: Props): void {
    this.#props = props;
    this.#render();
  }

  unmount(): void {
    this.#gone = true;
    for (const slot of this.#slots) slot.cleanup?.();
  }

  #render(): void {
    let at = 0;
    const next = (): Slot => {
      const slot = this.#slots[at] ?? {};
      this.#slots[at] = slot;
      at += 1;
      return slot;
    };
    const before = internals.H;
    internals.H = {
      useState: (initial: unknown) => {
        const slot = next();
        if (!("value" in slot)) slot.value = initial;
        return [slot.value, (change: unknown) => this.#set(slot, change)];
      },
      useRef: (initial: unknown) => {
        const slot = next();
        slot.value ??= { current: initial };
        return slot.value;
      },
      useCallback: (callback: unknown, deps: Deps) => {
        const slot = next();
        if (!isSame(slot.deps, deps)) Object.assign(slot, { value: callback, deps });
        return slot.value;
      },
      useEffect: (effect: NonNullable<Slot["effect"]>, deps: Deps) => {
        const slot = next();
        if (!isSame(slot.deps, deps)) Object.assign(slot, { effect, deps });
      },
    };
    try {
      this.results.push(this.#hook(this.#props));
    } finally {
      internals.H = before;
    }
    for (const slot of this.#slots) {
      if (slot.effect === undefined) continue;
      slot.cleanup?.();
      slot.cleanup = slot.effect() ?? undefined;
      slot.effect = undefined;
    }
  }

  #set(slot: Slot, change: unknown): void {
    slot.value = typeof change === "function" ? change(slot.value) : change;
    if (this.#dirty || this.#gone) return;
    this.#dirty = true;
    queueMicrotask(() => {
      this.#dirty = false;
      if (!this.#gone) this.#render();
    });
  }
}
