import type { IncomingMessage, ServerResponse } from "node:http";
import { Attempt, type Ending } from "./core/attempt.js";
import { currentContext } from "./core/context.js";
import { CheckpointError } from "./core/errors.js";
import type { Settings } from "./core/options.js";
import { PROBLEM_TYPE } from "./core/problem.js";
import type { Step } from "./core/step.js";
import type { Verdict } from "./core/verdict.js";
import { discard } from "./node-discard.js";
import { hold } from "./node-hold.js";

/** What to answer in place of the handler. */
export interface Answer {
  readonly status: number;
  readonly headers: Record<string, string>;
  /** JSON of problem details; absent: no body. */
  readonly problem?: Record<string, unknown> | undefined;
}

/** How a handler of a framework on Node's responses ended. */
export type Served<T> =
  | { readonly kind: "returned"; readonly value: T }
  | { readonly kind: "threw"; readonly error: unknown }
  | { readonly kind: "answer"; readonly answer: Answer }
  /** The response was under way, and is not what the gateway may take for the result: it has been cut off. */
  | { readonly kind: "gone" };

const attempts = new WeakMap<IncomingMessage, Attempt>();

/** The steps of a request that a wrapped handler has. */
export const stepOf = (request: IncomingMessage): Step | undefined => attempts.get(request)?.step;

/** Executes a handler that writes to Node's response itself, or through its framework. */
export async function serve<T>(
  request: IncomingMessage,
  response: ServerResponse,
  settings: Settings,
  isResponse: (error: unknown) => boolean,
  handler: (step: Step) => T | PromiseLike<T>,
): Promise<Served<T>> {
  const outer = attempts.get(request);
  // Wrapped twice: the outer one does it.
  if (outer) return { kind: "returned", value: await handler(outer.step) };

  const left = new AbortController();
  response.once("close", () => {
    if (!response.writableFinished) left.abort();
  });
  let attempt: Attempt;
  try {
    const header = (name: string) => request.headers[name]?.toString();
    attempt = Attempt.begin(header, settings, { signal: left.signal, isResponse });
  } catch (error) {
    if (!(error instanceof CheckpointError)) throw error;
    return answerOf(Attempt.refuse(error, settings));
  }
  attempts.set(request, attempt);

  // Whoever writes the response, an error handler further out among them, it bears what the gateway must know.
  let answer: Answer | undefined;
  let marked = false;
  const writeHead = response.writeHead;
  response.writeHead = function (this: ServerResponse, ...args: Parameters<typeof writeHead>) {
    const override = answer ?? attempt.override;
    const headers = answer?.headers ?? attempt.headersOf(args[0]);
    marked = override !== undefined;
    for (const [name, value] of Object.entries(headers)) this.setHeader(name, value);
    if (override) args[0] = override.status;
    return writeHead.apply(this, args);
  } as typeof writeHead;

  const restore = keepHeaders(response, (name, value) => response.setHeader(name, value));
  const overrule = (verdict: Verdict): Served<T> => {
    if (!response.headersSent) {
      const served = answerOf(verdict, attempt.headersOfVerdict(verdict));
      answer = served.answer;
      restore();
      return served;
    }
    // It cannot say so any more: a response that ended well would be taken for the run's result.
    if (!marked && !response.writableFinished) response.destroy();
    return { kind: "gone" };
  };

  // The verdict of a rollback is known when the handler has ended. What the handler had sent by then would become the run's result.
  let release: (() => void) | undefined;
  try {
    if (await attempt.hasRollbackBegun()) release = discard(response, () => currentContext()?.step === attempt.step);
  } catch (error) {
    return attempt.override ? overrule(attempt.override) : { kind: "threw", error };
  }
  // What the handler has ended is sent when it is known how the handler itself has ended.
  const held = release === undefined && attempt.step.info.isDurable ? hold(response) : undefined;
  const ending: Ending<T> = await attempt.run(handler);
  release?.();
  if (ending.kind === "returned") held?.send();
  else held?.drop();
  return ending.kind === "overruled" ? overrule(ending.verdict) : ending;
}

function answerOf(verdict: Verdict, headers = verdict.headers): { kind: "answer"; answer: Answer } {
  const type = verdict.problem ? { "content-type": PROBLEM_TYPE } : {};
  return { kind: "answer", answer: { status: verdict.status, headers: { ...headers, ...type }, problem: verdict.problem } };
}

interface Headers {
  getHeaders(): Record<string, unknown>;
  removeHeader(name: string): unknown;
}

/**
 * Remembers the headers that others have set before the handler (of CORS, for example).
 *
 * @returns Leaves only those: what the handler has set belongs to a response that is not sent.
 */
export function keepHeaders(response: Headers, set: (name: string, value: string | string[]) => unknown): () => void {
  const before = { ...response.getHeaders() };
  return () => {
    for (const name of Object.keys(response.getHeaders())) response.removeHeader(name);
    for (const [name, value] of Object.entries(before)) if (value !== undefined) set(name, value as string | string[]);
  };
}

/** Whether a status that a framework reads from an error is below 500. */
export function isBelow500(status: unknown): boolean {
  return typeof status === "number" && status >= 200 && status < 500;
}
