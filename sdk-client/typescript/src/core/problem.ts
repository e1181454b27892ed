import { FailedResponseError, NonRetriableError, type StepError, type StepUsageError } from "./errors.js";

export const PROBLEM_TYPE = "application/problem+json";

const GATEWAYS_OWN = "/_durable/problems/";
const MAX_STACK_CHARS = 2048;

/** A step's failure as problem details (RFC 9457). */
export interface Problem {
  /**
   * The kind of failure as a URI reference, such as `/_durable/problems/step-timeout` of the gateway, or what an invoked service named.
   * Absent for an error of a step.
   */
  readonly type?: string | undefined;
  /** What kind of failure it is, for people. */
  readonly title: string;
  /** What went wrong: the error's message. Not for clients. */
  readonly detail?: string | undefined;
  /** A status that the failure stands for. */
  readonly status?: number | undefined;
  /** The name of the error's class. */
  readonly exceptionType?: string | undefined;
  /** Where it was thrown, shortened. For operators: it is not shown to clients. */
  readonly stackTrace?: string | undefined;
  /** What the client of the run is told where the failure ends it. */
  readonly clientMessage?: string | undefined;
  /** The step whose failure it is, where it is kept elsewhere. */
  readonly step?: string | undefined;
}

export function problemOf(error: unknown, withStack: boolean): Problem {
  if (!(error instanceof Error)) return { title: "Error", detail: String(error), exceptionType: typeof error };
  const type = error.constructor?.name && error.constructor.name !== "Error" ? error.constructor.name : error.name;
  return {
    title: type,
    detail: error.message,
    exceptionType: type,
    stackTrace: withStack ? error.stack?.slice(0, MAX_STACK_CHARS) : undefined,
    status: error instanceof FailedResponseError ? error.status : undefined,
    clientMessage: error instanceof NonRetriableError ? error.clientMessage : undefined,
  };
}

export function problemOfMisuse(error: StepUsageError): Problem {
  return { title: "A durable step is used wrongly", detail: error.message };
}

/** Reads what is stored, however little it resembles problem details: another SDK's idea of a failure is still a failure. */
export function parseProblem(body: Uint8Array): Problem {
  let parsed: unknown;
  try {
    parsed = JSON.parse(new TextDecoder().decode(body));
  } catch {
    // Said below.
  }
  const members: Record<string, unknown> = typeof parsed === "object" && parsed !== null ? (parsed as Record<string, unknown>) : {};
  const text = (name: string) => (typeof members[name] === "string" ? members[name] : undefined);
  return {
    type: text("type"),
    title: text("title") ?? "The step failed",
    detail: text("detail"),
    status: Number.isInteger(members.status) ? (members.status as number) : undefined,
    exceptionType: text("exceptionType"),
    stackTrace: text("stackTrace"),
    clientMessage: text("clientMessage"),
    step: text("step"),
  };
}

/** Short enough for any limit. */
export function shortened(problem: Problem): Problem {
  const cut = (text: string | undefined) => text?.slice(0, 256);
  return { ...problem, detail: cut(problem.detail), stackTrace: undefined, clientMessage: cut(problem.clientMessage) };
}

/** Whether what the step waited for has not come in its time. */
export const isStepTimeout = (problem: Problem) => problem.type?.endsWith(`${GATEWAYS_OWN}step-timeout`) === true;

/** Whether the run's policy leaves no time for what the step asks for: it never will. */
export const isBeyondRunTimeout = (problem: Problem) => problem.type?.endsWith(`${GATEWAYS_OWN}beyond-run-timeout`) === true;

/**
 * As a client may see it: which step failed, and what the developer meant for clients.
 *
 * @param details Whether the client is a developer, who may see the error.
 * @param compensations Those that failed finally.
 */
export function toClientProblem(problem: Problem, details: boolean, compensations: readonly StepError[] = []): Record<string, unknown> {
  const forClient = (of: Problem, step: string | undefined) => ({
    // The gateway's own kinds of failure are part of the contract. What another service names is not this one's to tell.
    type: details || of.type?.startsWith(GATEWAYS_OWN) ? of.type : undefined,
    title: details ? of.title : step === undefined ? "The request failed" : "A step of the request failed",
    detail: of.clientMessage ?? (details ? of.detail : undefined),
    exceptionType: details ? of.exceptionType : undefined,
    step,
  });
  return {
    ...forClient(problem, problem.step),
    status: 500,
    compensationFailures: compensations.length === 0 ? undefined : compensations.map((failure) => forClient(failure.problem, failure.step)),
  };
}
