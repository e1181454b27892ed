import type { ServerResponse } from "node:http";
import { callBack, type Method, tellEnded, waitingFor } from "./node-discard.js";

/** The end of a response that is held back. */
export interface Held {
  /** Sends it. */
  send(): void;
  /** Forgets it: another response takes its place, or the response is cut off. */
  drop(): void;
}

/**
 * Holds the end of a response back, and its head as well, if nothing is written between the two. A handler that ends its response may fail
 * afterwards, and the gateway must not have taken the response for the result by then. Those who write are told that the response was sent:
 * a handler that waits for its response to end does not wait for ever.
 */
export function hold(response: ServerResponse): Held {
  const methods = response as unknown as Record<"writeHead" | "flushHeaders" | "write" | "end", Method>;
  const { writeHead, flushHeaders, write, end } = methods;
  const before = waitingFor(response);
  let head: unknown[] | undefined;
  let last: unknown[] | undefined;
  let passes = false;

  /** From here on, the response is under way. */
  const pass = () => {
    if (passes) return;
    passes = true;
    if (head) writeHead.apply(response, head);
  };
  const release = () => {
    Object.assign(methods, { writeHead, flushHeaders, write, end });
    // Those of the class are behind them.
    delete (response as { headersSent?: boolean }).headersSent;
    delete (response as { writableEnded?: boolean }).writableEnded;
  };
  methods.writeHead = function (...args) {
    if (passes) return writeHead.apply(this, args);
    head ??= args;
    return this;
  };
  methods.flushHeaders = function () {
    pass();
    return flushHeaders.call(this);
  };
  methods.write = function (...args) {
    // What is written after the end is never sent.
    if (last) return false;
    pass();
    return write.apply(this, args);
  };
  methods.end = function (...args) {
    if (last) return this;
    last = args.filter((arg) => typeof arg !== "function");
    Object.defineProperty(this, "writableEnded", { configurable: true, get: () => true });
    callBack(args);
    queueMicrotask(() => tellEnded(this, before));
    return this;
  };
  const sent = response.headersSent;
  Object.defineProperty(response, "headersSent", {
    configurable: true,
    get: () => sent || passes || head !== undefined || last !== undefined,
  });
  return {
    send() {
      release();
      if (head && !passes) writeHead.apply(response, head);
      if (last) end.apply(response, last);
    },
    drop: release,
  };
}
