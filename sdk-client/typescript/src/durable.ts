import { Attempt } from "./core/attempt.js";
import { CheckpointError } from "./core/errors.js";
import { type DurableOptions, settle } from "./core/options.js";
import type { Step } from "./core/step.js";
import { toResponse } from "./core/verdict.js";

/** What a handler is called with: a Request, or what a framework makes of it that has one. */
export type Input = Request | { readonly request: Request } | { readonly req: Request | { readonly raw: Request } };

/**
 * Wraps a handler, so that its pieces are durable steps. It takes what the framework calls it with: a Request (Next.js, Bun, Deno,
 * Workers), or what has one (Hono's context, the arguments of Remix, SvelteKit's event). The step is its second argument; what the
 * framework gives beyond the first follows.
 *
 * @example
 * export const POST = durable(async (req: NextRequest) => {
 *   const order = await req.json();
 *   const charge = await step.run("charge", () => payments.charge(order));
 *   return Response.json(charge);
 * });
 */
export function durable<I extends Input, More extends unknown[]>(
  handler: (input: I, step: Step, ...more: More) => Response | PromiseLike<Response>,
  options?: DurableOptions,
): (input: I, ...more: More) => Promise<Response> {
  const settings = settle(options);
  return async (input, ...more) => {
    const request = requestOf(input);
    const begun = attempts.get(request);
    // Wrapped twice: the outer one does it.
    if (begun) return handler(input, begun.step, ...more);
    let attempt: Attempt;
    try {
      attempt = Attempt.begin((name) => request.headers.get(name), settings, { signal: request.signal, isResponse });
    } catch (error) {
      if (error instanceof CheckpointError) return toResponse(Attempt.refuse(error, settings));
      throw error;
    }
    attempts.set(request, attempt);
    const ending = await attempt.run((step) => handler(input, step, ...more));
    switch (ending.kind) {
      case "overruled":
        return toResponse(ending.verdict, attempt.headersOfVerdict(ending.verdict));
      case "returned":
        return withHeaders(ending.value, attempt.headersOf(ending.value.status));
      case "threw":
        throw ending.error instanceof Response ? withHeaders(ending.error, attempt.headersOf(ending.error.status)) : ending.error;
    }
  };
}

const attempts = new WeakMap<Request, Attempt>();

function requestOf(input: Input): Request {
  if ("headers" in input && input.headers instanceof Headers) return input;
  if ("request" in input && input.request) return input.request;
  const { req } = input as { req?: Request | { raw: Request } };
  if (req) return "raw" in req ? req.raw : req;
  throw new TypeError(
    "durable() wraps a handler that is called with a Request, or with an object that has one as its request or req. " +
      "See /express, /fastify and /nest for others.",
  );
}

/** Responses of fetch and of Response.redirect have headers that cannot be changed. */
function withHeaders(response: Response, headers: Record<string, string>): Response {
  const entries = Object.entries(headers);
  if (entries.length === 0) return response;
  const marked = new Response(response.body, response);
  for (const [name, value] of entries) marked.headers.set(name, value);
  return marked;
}

/** What frameworks throw to answer: a Response (Remix), a redirect or a 404 (Next.js, SvelteKit), an HTTPException (Hono). */
function isResponse(error: unknown): boolean {
  if (typeof error !== "object" || error === null) return false;
  const { digest, status, getResponse } = error as { digest?: unknown; status?: unknown; getResponse?: unknown };
  if (error instanceof Response) return error.status < 500;
  if (typeof digest === "string" && digest.startsWith("NEXT_")) return true;
  return typeof status === "number" && status < 500 && (typeof getResponse === "function" || !(error instanceof Error));
}
