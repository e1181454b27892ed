import { currentContext } from "./context.js";

/**
 * The headers of a call to the egress listener of the gateway, by a client of your own. They say which run the call belongs to, so that the
 * gateway can remember it, and whether it is made in a step, whose outcome is stored already. Send them nowhere else.
 *
 * There are none outside of handlers, and where the gateway has no such listener. It needs AsyncLocalStorage, as `step` does.
 */
export function egressHeaders(): Record<string, string> {
  const context = currentContext();
  if (!context?.egressToken) return {};
  return { "durable-egress-token": context.egressToken, ...(context.inside === undefined ? {} : IN_STEP) };
}

/** `fetch` for calls to the egress listener of the gateway: with `egressHeaders()`. */
export const egressFetch: typeof globalThis.fetch = (input, init) => globalThis.fetch(input, withHeaders(input, init, egressHeaders()));

export const IN_STEP = { "durable-in-step": "?1" };

/** Adds headers to those that a call of `fetch` has. */
export function withHeaders(input: string | URL | Request, init: RequestInit | undefined, more: Record<string, string>): RequestInit {
  const headers = new Headers(init?.headers ?? (input instanceof Request ? input.headers : undefined));
  for (const [name, value] of Object.entries(more)) headers.set(name, value);
  return { ...init, headers };
}
