import type { NextFunction, Request, RequestHandler, Response } from "express";
import { type DurableOptions, settle } from "./core/options.js";
import type { Step } from "./core/step.js";
import { isBelow500, serve } from "./node-http.js";

export * from "./node.js";

export type DurableHandler<Req extends Request = Request> = (req: Req, res: Response, step: Step, next: NextFunction) => unknown;

/**
 * Wraps a handler of Express, 4 or 5, so that its pieces are durable steps. What it throws goes to the error handlers, as it does in
 * Express 5.
 *
 * @example
 * app.post("/checkout", durable(async (req, res, step) => {
 *   const charge = await step.run("charge", () => payments.charge(req.body));
 *   res.json(charge);
 * }));
 */
export function durable(handler: DurableHandler, options?: DurableOptions): RequestHandler {
  const settings = settle(options);
  return (req, res, next) => {
    serve(req, res, settings, isResponse, (step) => handler(req, res, step, next)).then((served) => {
      if (served.kind === "threw") next(served.error);
      if (served.kind !== "answer") return;
      const { status, headers, problem } = served.answer;
      res.status(status).set(headers);
      if (problem) res.end(JSON.stringify(problem));
      else res.end();
    }, next);
  };
}

/** Express answers an error with its status. */
function isResponse(error: unknown): boolean {
  const { status, statusCode } = (error ?? {}) as { status?: unknown; statusCode?: unknown };
  return isBelow500(status ?? statusCode);
}
