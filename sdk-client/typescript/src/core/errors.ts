import { type Duration, milliseconds } from "./duration.js";
import type { Problem } from "./problem.js";

/** Survives a second copy of this package: an application may load it as ESM and as CJS. */
const KIND = Symbol.for("durable-gateway.error");

type Kind = "StepError" | "NonRetriableError" | "RetryAfterError" | "StepUsageError" | "CheckpointError" | "AttemptOverError";

abstract class DurableError extends Error {
  /** @internal */
  declare readonly [KIND]: Kind;

  protected constructor(kind: Kind, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = kind;
    Object.defineProperty(this, KIND, { value: kind, enumerable: false });
  }
}

/** `instanceof` for the class itself asks for the kind; for classes that extend it, it is the usual one. */
function isInstance(of: object, own: object, kind: Kind, value: unknown): boolean {
  return of === own
    ? typeof value === "object" && value !== null && (value as { [KIND]?: unknown })[KIND] === kind
    : Function.prototype[Symbol.hasInstance].call(of, value);
}

/**
 * A step has failed finally: its tries are used up, or no retry may help. The failure is part of the run, so every replay throws it here
 * again. Catch it to compensate. Where it leaves the handler, the run ends with it.
 */
export class StepError extends DurableError {
  /** The step's id. */
  readonly step: string;

  /** What went wrong, as it was stored. The error itself (`cause`) is there only in the attempt that threw it. */
  readonly problem: Problem;

  /** @internal */
  constructor(step: string, problem: Problem, cause?: unknown) {
    super("StepError", `Step '${step}' failed: ${problem.detail ?? problem.title}`, cause === undefined ? undefined : { cause });
    this.step = step;
    this.problem = problem;
  }

  static override [Symbol.hasInstance](value: unknown): value is StepError {
    return isInstance(this, StepError, "StepError", value);
  }
}

export interface NonRetriableErrorOptions extends ErrorOptions {
  /**
   * What the client of the run is told, as the problem's `detail`, where the failure leaves the handler and ends the run.
   * Without it the client is told that the request failed, and not why.
   */
  clientMessage?: string | undefined;
}

/**
 * Throw it in a step's body, or in the handler, where no retry may help: the step, or the run, fails finally.
 *
 * @example
 * throw new NonRetriableError(`The acquirer answered ${code}.`, { clientMessage: "Your card was declined." });
 */
export class NonRetriableError extends DurableError {
  readonly clientMessage: string | undefined;

  /** @param message What went wrong: for the run's record and the log. Clients do not see it. */
  constructor(message: string, options?: NonRetriableErrorOptions) {
    super("NonRetriableError", message, options);
    this.clientMessage = options?.clientMessage;
  }

  static override [Symbol.hasInstance](value: unknown): value is NonRetriableError {
    return isInstance(this, NonRetriableError, "NonRetriableError", value);
  }
}

/** Throw it in a step's body to say when the next try makes sense. The try counts as a failure. */
export class RetryAfterError extends DurableError {
  /** The shortest time until the next try, in milliseconds; longer where the policy's own delay is longer. */
  readonly delay: number;

  /** @param retryAfter A duration, or the time itself. One that has passed is no delay. */
  constructor(message: string, retryAfter: Duration | Date, options?: ErrorOptions) {
    super("RetryAfterError", message, options);
    this.delay = retryAfter instanceof Date ? Math.max(0, retryAfter.getTime() - Date.now()) : milliseconds(retryAfter, "retryAfter");
    if (Number.isNaN(this.delay)) throw new RangeError("retryAfter is not a valid Date.");
  }

  static override [Symbol.hasInstance](value: unknown): value is RetryAfterError {
    return isInstance(this, RetryAfterError, "RetryAfterError", value);
  }
}

/** A step is used in a way that cannot work. The message says what to do. It is an error in the handler: no replay helps. */
export class StepUsageError extends DurableError {
  /** @internal */
  constructor(message: string, options?: ErrorOptions) {
    super("StepUsageError", message, options);
  }

  static override [Symbol.hasInstance](value: unknown): value is StepUsageError {
    return isInstance(this, StepUsageError, "StepUsageError", value);
  }
}

/** An outcome could not be stored, or a stored one not be read. The attempt is over; the gateway starts another. */
export class CheckpointError extends DurableError {
  /** What a client may know of it. @internal */
  readonly clientMessage: string | undefined;

  /** @internal */
  constructor(message: string, options?: NonRetriableErrorOptions) {
    super("CheckpointError", message, options);
    this.clientMessage = options?.clientMessage;
  }

  static override [Symbol.hasInstance](value: unknown): value is CheckpointError {
    return isInstance(this, CheckpointError, "CheckpointError", value);
  }
}

/**
 * The handler cannot continue in this attempt. Let it pass: it is thrown so that `finally` blocks are executed. Its `name` is `AbortError`,
 * so code that tells cancellations from failures works unchanged.
 */
export class AttemptOverError extends DurableError {
  /** `suspended`: a step continues in a later attempt. `abandoned`: the run has ended, or a later attempt owns it. */
  readonly reason: "suspended" | "abandoned";

  /** @internal */
  constructor(reason: "suspended" | "abandoned", message: string) {
    super("AttemptOverError", message);
    this.name = "AbortError";
    this.reason = reason;
  }

  static override [Symbol.hasInstance](value: unknown): value is AttemptOverError {
    return isInstance(this, AttemptOverError, "AttemptOverError", value);
  }
}

/** What `step.fetch` makes of a response that counts as a failed try. @internal */
export class FailedResponseError extends Error {
  constructor(
    message: string,
    readonly status: number,
    readonly retryAfter: number | undefined,
  ) {
    super(message);
    this.name = "FailedResponseError";
  }
}

/** Whether a body's error ends the attempt, and is no failure of the step. @internal */
export function isOfSteps(error: unknown): boolean {
  return error instanceof StepUsageError || error instanceof AttemptOverError || error instanceof CheckpointError;
}

/**
 * Whether an error says of itself that it is a failure, also where the attempt was cancelled. One that wraps another may wrap a
 * cancellation. @internal
 */
export function statesFailure(error: unknown): boolean {
  return (
    (error instanceof NonRetriableError || error instanceof RetryAfterError || error instanceof FailedResponseError) &&
    error.cause === undefined
  );
}

/** Whether what a handler threw ends the run, whatever the policy says. @internal */
export function isForGood(error: unknown): boolean {
  return error instanceof StepError || error instanceof NonRetriableError || error instanceof StepUsageError;
}

/** The delay that an error asks for, in milliseconds. @internal */
export function retryAfterOf(error: unknown): number | undefined {
  if (error instanceof RetryAfterError) return error.delay;
  return error instanceof FailedResponseError ? error.retryAfter : undefined;
}
