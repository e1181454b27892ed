import { currentContext } from "./context.js";

/**
 * The headers of a call to the egress listener of the gateway, by a client of your own. They say which run the call belongs to, so that the
 * gateway can remember it, and whether it is made in a step, whose outcome is stored already. Send them nowhere else: the client must not
 * take them along when it follows a redirect to another origin.
 *
 * There are none outside of handlers, and where the gateway has no such listener. It needs AsyncLocalStorage, as `step` does.
 */
export function egressHeaders(): Record<string, string> {
  const context = currentContext();
  if (!context?.egressToken) return {};
  return { "durable-egress-token": context.egressToken, ...(context.inside === undefined ? {} : IN_STEP) };
}

/**
 * `fetch` for calls to the egress listener of the gateway: with `egressHeaders()`. A redirect to another origin does not take them with it.
 */
export const egressFetch: typeof globalThis.fetch = (input, init) => {
  const more = egressHeaders();
  return Object.keys(more).length === 0 ? globalThis.fetch(input, init) : guardedFetch(input, withHeaders(input, init, more));
};

/** `fetch`, but a redirect to another origin does not take the token with it, if the call has one. */
export const guardedFetch: typeof globalThis.fetch = (input, init) => {
  const request = input instanceof Request ? input : undefined;
  const hasToken = new Headers(init?.headers ?? request?.headers).has("durable-egress-token");
  const isGuarded = hasToken && (init?.redirect ?? request?.redirect ?? "follow") === "follow";
  return isGuarded ? following(input, init ?? {}) : globalThis.fetch(input, init);
};

export const IN_STEP = { "durable-in-step": "?1" };

/** Adds headers to those that a call of `fetch` has. */
export function withHeaders(input: string | URL | Request, init: RequestInit | undefined, more: Record<string, string>): RequestInit {
  const headers = new Headers(init?.headers ?? (input instanceof Request ? input.headers : undefined));
  for (const [name, value] of Object.entries(more)) headers.set(name, value);
  return { ...init, headers };
}

const MAX_REDIRECTS = 20;
const OF_THE_ORIGIN = ["authorization", "cookie", "host", "proxy-authorization", "durable-egress-token", "durable-in-step"];
const OF_THE_BODY = ["content-encoding", "content-language", "content-length", "content-location", "content-type"];

/**
 * Follows redirects by the rules of the Fetch standard. `fetch` itself would take our headers to another origin, and any service that is
 * called could collect the token by a redirect to itself.
 */
async function following(input: string | URL | Request, init: RequestInit): Promise<Response> {
  const request = input instanceof Request ? input : undefined;
  // The body of a request can be read once, and is sent again after a 307 or 308.
  const spare = request?.body && init.body === undefined ? request.clone() : undefined;
  let response = await globalThis.fetch(input, { ...init, redirect: "manual" });
  try {
    const [method, headers] = [init.method ?? request?.method ?? "GET", init.headers ?? request?.headers ?? {}];
    let how: RequestInit = { ...init, method, headers, redirect: "manual" };
    const signal = init.signal ?? request?.signal;
    if (signal) how.signal = signal;
    let url = new URL(request?.url ?? (input as string | URL));
    for (let count = 0; ; count++) {
      const next = target(response, url);
      if (!next) return count === 0 ? response : redirected(response);
      if (count === MAX_REDIRECTS) throw new TypeError(`There were more than ${MAX_REDIRECTS} redirects.`);
      how = await afterRedirect(how, response.status, next.origin === url.origin, spare);
      await response.body?.cancel();
      url = next;
      response = await globalThis.fetch(url, how);
    }
  } finally {
    if (spare && !spare.bodyUsed) await spare.body?.cancel();
  }
}

/** Where a response redirects to; nothing if it does not. */
function target(response: Response, from: URL): URL | undefined {
  // Browsers hide where it leads. Handlers do not run there.
  if (response.type === "opaqueredirect") throw new TypeError("egressFetch cannot follow redirects here. Use redirect: 'manual'.");
  const location = [301, 302, 303, 307, 308].includes(response.status) ? response.headers.get("location") : null;
  if (location === null) return undefined;
  const to = new URL(location, from);
  if (!/^https?:$/.test(to.protocol)) throw new TypeError(`A redirect to ${to.protocol} is not followed.`);
  if (!to.hash) to.hash = from.hash;
  return to;
}

async function afterRedirect(how: RequestInit, status: number, isSameOrigin: boolean, spare: Request | undefined): Promise<RequestInit> {
  const method = (how.method ?? "GET").toUpperCase();
  const headers = new Headers(how.headers);
  if (!isSameOrigin) for (const name of OF_THE_ORIGIN) headers.delete(name);
  if (status === 303 ? method !== "GET" && method !== "HEAD" : status < 303 && method === "POST") {
    for (const name of OF_THE_BODY) headers.delete(name);
    return { ...how, method: "GET", headers, body: null };
  }
  if (isStream(how.body)) throw new TypeError("A stream cannot be sent again after a redirect.");
  const isNeeded = how.body === undefined && spare && !spare.bodyUsed;
  return { ...how, headers, ...(isNeeded ? { body: await spare.arrayBuffer() } : {}) };
}

const isStream = (body: unknown) =>
  typeof body === "object" && body !== null && (body instanceof ReadableStream || Symbol.asyncIterator in body);

function redirected(response: Response): Response {
  return Object.defineProperty(response, "redirected", { value: true });
}
