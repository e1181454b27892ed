import type { FastifyInstance, FastifyReply, FastifyRequest, RouteGenericInterface } from "fastify";
import { type DurableOptions, settle } from "./core/options.js";
import type { Step } from "./core/step.js";
import { isBelow500, keepHeaders, serve } from "./node-http.js";

export * from "./node.js";

/**
 * Wraps a handler of Fastify, so that its pieces are durable steps. Failed tries are logged by the request's logger, unless the options
 * name another.
 *
 * @example
 * app.post("/checkout", durable(async (request, reply, step) => {
 *   return step.run("charge", () => payments.charge(request.body));
 * }));
 */
export function durable<R extends RouteGenericInterface = RouteGenericInterface>(
  handler: (this: FastifyInstance, request: FastifyRequest<R>, reply: FastifyReply, step: Step) => unknown,
  options?: DurableOptions,
): (this: FastifyInstance, request: FastifyRequest<R>, reply: FastifyReply) => Promise<unknown> {
  const settings = settle(options);
  return async function (request, reply) {
    const logger = options?.logger === undefined ? request.log : settings.logger;
    const restore = keepHeaders(reply, (name, value) => reply.header(name, value));
    const served = await serve(request.raw, reply.raw, { ...settings, logger }, isResponse, (step) =>
      handler.call(this, request, reply, step),
    );
    switch (served.kind) {
      case "returned":
        return served.value;
      case "threw":
        throw served.error;
      case "gone":
        return reply.hijack();
      case "answer": {
        const { status, headers, problem } = served.answer;
        restore();
        // A handler that has taken the response over gives it back.
        if (reply.sent) return void reply.raw.writeHead(status, headers).end(problem && JSON.stringify(problem));
        return reply
          .code(status)
          .headers(headers)
          .send(problem && JSON.stringify(problem));
      }
    }
  };
}

/** Fastify answers an error with its status. */
function isResponse(error: unknown): boolean {
  return isBelow500((error as { statusCode?: unknown } | null)?.statusCode);
}
