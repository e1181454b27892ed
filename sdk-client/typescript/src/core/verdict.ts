import type { CheckpointError, StepError, StepUsageError } from "./errors.js";
import { PROBLEM_TYPE, type Problem, toClientProblem } from "./problem.js";

/** What to answer in place of the handler's own response. */
export interface Verdict {
  readonly status: 202 | 500 | 503;
  readonly headers: Readonly<Record<string, string>>;
  /** Problem details for the client; absent: no body. */
  readonly problem?: Record<string, unknown>;
}

export const SUSPENDED: Verdict = { status: 202, headers: { "durable-suspended": "?1" } };

export const isSuspended = (verdict: Verdict) => verdict.status === 202;

export const isFinal = (verdict: Verdict) => verdict.headers["durable-retry"] === "?0";

export function failedForGood(problem: Problem, compensations: readonly StepError[], details: boolean): Verdict {
  return { status: 500, headers: { "durable-retry": "?0" }, problem: toClientProblem(problem, details, compensations) };
}

export function failed(error: CheckpointError, details: boolean): Verdict {
  const problem = { title: "A checkpoint failed", detail: error.message, clientMessage: error.clientMessage };
  return { status: 500, headers: { "durable-retry": "?1" }, problem: toClientProblem(problem, details) };
}

/** The words tell nothing but what the handler lacks, and are the same for all. */
export function misused(error: StepUsageError): Verdict {
  const problem = { title: "A durable step is used wrongly", detail: error.message };
  return { status: 500, headers: { "durable-retry": "?0" }, problem: toClientProblem(problem, true) };
}

export function abandoned(why: string, details: boolean): Verdict {
  return {
    status: 503,
    headers: { "durable-retry": "?1" },
    problem: toClientProblem({ title: "The attempt is abandoned", detail: why }, details),
  };
}

export function toResponse(verdict: Verdict, more: Readonly<Record<string, string>> = {}): Response {
  const headers = { ...verdict.headers, ...more };
  return verdict.problem
    ? new Response(JSON.stringify(verdict.problem), { status: verdict.status, headers: { ...headers, "content-type": PROBLEM_TYPE } })
    : new Response(null, { status: verdict.status, headers });
}
