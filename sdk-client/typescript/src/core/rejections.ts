import { AttemptOverError } from "./errors.js";

interface Process {
  emit?(event: string, ...args: unknown[]): boolean;
  on?(event: "unhandledRejection", listener: (reason: unknown) => void): void;
  listenerCount?(event: "unhandledRejection"): number;
  versions?: Record<string, string | undefined>;
}

let guarded = false;

/**
 * When an attempt ends, branches that nobody awaits any more are told by an error. It is expected, and must not end the process, as
 * runtimes do with a rejection that nobody handles. All other rejections are treated as before.
 */
export function guardRejections(): void {
  if (guarded) return;
  guarded = true;
  const { process, addEventListener } = globalThis as {
    process?: Process;
    addEventListener?: (type: string, listener: (event: Event) => void) => void;
  };
  if (process?.versions?.bun && process.on) {
    process.on("unhandledRejection", (reason) => {
      // The runtime throws what no listener takes; now that there is this one, it has to.
      if (!(reason instanceof AttemptOverError) && process.listenerCount?.("unhandledRejection") === 1) throw reason;
    });
  } else if (process?.versions?.node && process.emit && !process.versions.deno) {
    // Not a listener: Node acts otherwise where there is one, and those of others would be told of what is none of their business.
    const emit = process.emit;
    process.emit = function (this: unknown, event, ...args) {
      return (event === "unhandledRejection" && args[0] instanceof AttemptOverError) || emit.call(this as Process, event, ...args);
    };
  } else {
    addEventListener?.("unhandledrejection", (event) => {
      if ((event as Event & { reason?: unknown }).reason instanceof AttemptOverError) event.preventDefault();
    });
  }
}
