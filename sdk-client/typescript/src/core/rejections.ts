import { AttemptOverError } from "./errors.js";

interface Process {
  on?(event: "unhandledRejection", listener: (reason: unknown) => void): void;
  listenerCount?(event: "unhandledRejection"): number;
}

let guarded = false;

/**
 * When an attempt ends, branches that nobody awaits any more are told by an error. It is expected, and must not end the process, as Node and Deno
 * do with a rejection that nobody handles. All other rejections are treated as before.
 */
export function guardRejections(): void {
  if (guarded) return;
  guarded = true;
  const { process, addEventListener } = globalThis as { process?: Process; addEventListener?: (type: string, listener: (event: Event) => void) => void };
  if (typeof process?.on === "function" && typeof process.listenerCount === "function") {
    process.on("unhandledRejection", (reason) => {
      // Node throws what no listener takes; now that there is this one, it has to.
      if (!(reason instanceof AttemptOverError) && process.listenerCount?.("unhandledRejection") === 1) throw reason;
    });
  } else {
    addEventListener?.("unhandledrejection", (event) => {
      if ((event as Event & { reason?: unknown }).reason instanceof AttemptOverError) event.preventDefault();
    });
  }
}
