import { spawn } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { createWatchdog } from "../../../../worker/process/watchdog.ts";

test("fails when the watchdog leaves a watched group alive once its owner is gone, or kills a released one", async () => {
  const start = () => spawn("/bin/sleep", ["60"], { detached: true, stdio: "ignore" });
  const watched = start();
  const released = start();
  try {
    const watchdog = createWatchdog();
    watchdog.watch(watched.pid ?? 0);
    watchdog.watch(released.pid ?? 0);
    watchdog.release(released.pid ?? 0);
    const ended = new Promise((resolve) => watched.once("exit", (_code, signal) => resolve(signal)));
    // The same to it as the owner's death: its stdin closes.
    watchdog.close();
    expect(await ended).toBe("SIGKILL");
    await sleep(100);
    expect(released.exitCode ?? released.signalCode).toBeNull();
  } finally {
    watched.kill("SIGKILL");
    released.kill("SIGKILL");
  }
});
