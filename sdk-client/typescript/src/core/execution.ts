import type { Encoded } from "./content.js";
import { inContext } from "./context.js";
import { seconds } from "./duration.js";
import { isOfSteps, NonRetriableError, retryAfterOf, StepError, statesFailure } from "./errors.js";
import { localDelay, type Retries, type Settings } from "./options.js";
import type { Decode, Outcomes } from "./outcomes.js";
import { anySignal, delay } from "./signals.js";
import type { Step, StepContext } from "./step.js";

export type Body = (context: StepContext) => unknown;
export type Encode = (result: unknown) => Encoded | Promise<Encoded>;

/** Executes the bodies of steps. */
export class Execution {
  /** @param step The steps that a body sees, and must not use. */
  constructor(
    private readonly outcomes: Outcomes,
    private readonly settings: Settings,
    private readonly step: () => Step,
  ) {}

  async execute(id: string, body: Body, encode: Encode, decode: Decode, how: Retries): Promise<unknown> {
    if (how.atMostOnce && this.outcomes.gateway) {
      const begun = await this.outcomes.gateway.put(id, { headers: { "durable-step-type": "run", "durable-step-outcome": "started" } });
      if (begun.status !== 201) return this.outcomes.actOn(id, begun, decode);
    }
    // Behind a gateway a try that may be repeated ends in a suspension; without one it is repeated here.
    const localTries = this.outcomes.gateway || how.atMostOnce ? 1 : (how.maxAttempts ?? 1);
    for (let tries = 1; tries < localTries; tries++) {
      try {
        return await this.#try(id, body, encode, decode, how);
      } catch (error) {
        if (!(error instanceof StepError) || error.cause instanceof NonRetriableError) throw error;
        const either = anySignal([this.outcomes.over, how.signal]);
        await delay(localDelay(how, tries, retryAfterOf(error.cause)), either.signal).finally(either.release);
      }
    }
    return this.#try(id, body, encode, decode, how);
  }

  async #try(id: string, body: Body, encode: Encode, decode: Decode, how: Retries): Promise<unknown> {
    const cancelled = () => this.outcomes.over.aborted || how.signal?.aborted === true;
    const either = anySignal([this.outcomes.over, how.signal], how.timeout);
    const began = performance.now();
    const elapsed = () => performance.now() - began;
    this.settings.logger.debug?.(this.outcomes.line(`Step '${id}' is executing`));
    let encoded: Encoded;
    try {
      const context: StepContext = { signal: either.signal, idempotencyKey: `${this.outcomes.info.id ?? this.#localId}/${id}` };
      const inside = { step: this.step(), inside: id, egressToken: this.outcomes.gateway?.egressToken };
      const result = await inContext(inside, () => body(context));
      encoded = await encode(result);
    } catch (error) {
      // A body that is cancelled may throw anything: libraries have errors of their own for it. So the type does not tell, except where an
      // error states a failure.
      if (isOfSteps(error) || !(statesFailure(error) || !cancelled())) throw error;
      const late = either.timedOut() && isAbort(error, either.signal);
      const failure = late ? timeoutError(how.timeout as number, error) : error;
      return this.outcomes.failTry(id, failure, elapsed(), how, decode);
    } finally {
      either.release();
    }
    return this.outcomes.complete(id, encoded, elapsed(), how, decode);
  }

  /** Stands for the run's id where there is none. */
  readonly #localId = crypto.randomUUID();
}

function isAbort(error: unknown, signal: AbortSignal): boolean {
  return error === signal.reason || (error instanceof Error && (error.name === "AbortError" || error.name === "TimeoutError"));
}

function timeoutError(ms: number, cause: unknown): Error {
  const error = new Error(`The step did not finish within its timeout of ${seconds(ms)} s.`, { cause });
  error.name = "TimeoutError";
  return error;
}
