import type { ServerResponse } from "node:http";

export type Method = (this: ServerResponse, ...args: unknown[]) => unknown;
type Name = "writeHead" | "flushHeaders" | "addTrailers" | "write" | "end";

/** Tells the one who wrote that it is done. */
export function callBack(args: unknown[]): void {
  const written = args.find((arg) => typeof arg === "function");
  if (written) queueMicrotask(written as () => void);
}

const ENDS = ["finish", "close"] as const;

/** Those who wait for the end of a response now: the server, and what stands before the handler. They wait for what is really sent. */
export function waitingFor(response: ServerResponse): ReadonlySet<unknown> {
  return new Set(ENDS.flatMap((event) => response.rawListeners(event)));
}

/** Tells those who have come since then that the response has ended. Some wait for the one event, and some for the other. */
export function tellEnded(response: ServerResponse, before: ReadonlySet<unknown>): void {
  for (const event of ENDS) {
    for (const listener of response.rawListeners(event)) {
      if (before.has(listener)) continue;
      response.removeListener(event, listener as () => void);
      listener.call(response);
    }
  }
}

/**
 * Discards what is written to a response. Those who write are told that it was sent: a handler that waits for its response to end does not
 * wait for ever.
 *
 * @param isLate Whether what is written after the end is discarded as well: a handler may have left something behind that writes.
 * @returns Ends it. The response is as if nothing had been written.
 */
export function discard(response: ServerResponse, isLate: () => boolean): () => void {
  let released = false;
  let begun = false;
  let ended = false;
  const before = waitingFor(response);
  const methods = response as unknown as Record<Name, Method>;
  const replace = (name: Name, instead: Method) => {
    const method = methods[name];
    methods[name] = function (...args) {
      return (released && !isLate() ? method : instead).apply(this, args);
    };
  };
  replace("writeHead", function () {
    begun = true;
    return this;
  });
  replace("flushHeaders", () => {
    begun = true;
  });
  replace("addTrailers", () => {});
  replace("write", (...args) => {
    begun = true;
    callBack(args);
    return true;
  });
  replace("end", function (...args) {
    begun = true;
    callBack(args);
    if (ended) return this;
    ended = true;
    // After the handler, the response that takes the place of this one tells them: Fastify waits for it as well.
    if (!released) queueMicrotask(() => tellEnded(this, before));
    return this;
  });
  Object.defineProperty(response, "headersSent", { configurable: true, get: () => begun });
  Object.defineProperty(response, "writableEnded", { configurable: true, get: () => ended });
  return () => {
    released = true;
    // Those of the class are behind them.
    delete (response as { headersSent?: boolean }).headersSent;
    delete (response as { writableEnded?: boolean }).writableEnded;
  };
}
