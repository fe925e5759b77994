/** Wakes all who wait. */
export interface Bell {
  ring(): void;
  wait(): Promise<void>;
}

export function createBell(): Bell {
  let next = Promise.withResolvers<void>();
  return {
    ring() {
      const now = next;
      next = Promise.withResolvers<void>();
      now.resolve();
    },
    wait: () => next.promise,
  };
}
