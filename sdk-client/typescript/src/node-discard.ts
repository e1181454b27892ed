import type { ServerResponse } from "node:http";

export type Method = (this: ServerResponse, ...args: unknown[]) => unknown;
type Name = "writeHead" | "flushHeaders" | "addTrailers" | "write" | "end";

/** Tells the one who wrote that it is done. */
export function callBack(args: unknown[]): void {
  const written = args.find((arg) => typeof arg === "function");
  if (written) queueMicrotask(written as () => void);
}

/** Tells those who wait for the end of a response, except for those who waited before the handler: they wait for what is sent. */
export function tellFinished(response: ServerResponse, before: ReadonlySet<unknown>): void {
  for (const listener of response.rawListeners("finish")) if (!before.has(listener)) listener.call(response);
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
  // They belong to the server, and to what stands before the handler: the response that they wait for is another one.
  const before = new Set(response.rawListeners("finish"));
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
    queueMicrotask(() => tellFinished(this, before));
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
