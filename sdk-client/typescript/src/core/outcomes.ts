import type { StepActivity } from "./activity.js";
import { type Encoded, JSON_TYPE } from "./content.js";
import { seconds } from "./duration.js";
import { AttemptOverError, type CheckpointError, NonRetriableError, retryAfterOf, StepError, StepUsageError } from "./errors.js";
import type { Outcome } from "./fields.js";
import { type Answer, type GatewayClient, refused, type StepWrite } from "./gateway.js";
import type { Retries, Settings } from "./options.js";
import { isBeyondRunTimeout, PROBLEM_TYPE, type Problem, parseProblem, problemOf, shortened } from "./problem.js";
import type { RunInfo } from "./step.js";
import { abandoned, failed, isSuspended, SUSPENDED, type Verdict } from "./verdict.js";

const SMALL_PROBLEM_BYTES = 1024;

/** What the handler gets of an outcome. */
export type Decode = (outcome: Outcome) => unknown;

/** An outcome belongs to a later attempt. Inside of the SDK only. */
export class StepPending extends Error {}

/** Stores the outcomes of one attempt's steps, and knows what the gateway's answers make of the steps and of the attempt. */
export class Outcomes {
  readonly #over = new AbortController();
  #override: Verdict | undefined;

  /** @param gateway Where outcomes are stored; absent where there is none. */
  constructor(
    readonly info: RunInfo,
    readonly gateway: GatewayClient | undefined,
    private readonly activity: StepActivity,
    private readonly settings: Settings,
  ) {}

  /** Aborted when what the attempt does is discarded. */
  get over(): AbortSignal {
    return this.#over.signal;
  }

  /** What must be answered, whatever the handler makes of it. */
  get override(): Verdict | undefined {
    return this.#override ?? (this.activity.isSuspended ? SUSPENDED : undefined);
  }

  endAttempt(why: string): void {
    this.#over.abort(new AttemptOverError("abandoned", why));
  }

  async complete(id: string, encoded: Encoded, ms: number, how: Retries, decode: Decode): Promise<unknown> {
    const completed = () => {
      this.settings.logger.debug?.(this.line(`Step '${id}' completed after ${ms.toFixed(0)} ms`));
      return this.use(id, { failed: false, ...encoded, type: "run" }, decode);
    };
    if (!this.gateway) return completed();
    const answer = await this.gateway.put(id, { headers: { "durable-step-duration": seconds(ms) }, ...encoded });
    if (answer.status === 201) return completed();
    if (answer.status !== 413) return this.actOn(id, answer, decode);
    const problem: Problem = {
      title: "The step's result is too large",
      detail: `The result has ${encoded.body.length} bytes, more than the route's policy allows (MaxStepBytes).`,
    };
    return this.storeFailure(id, problem, ms, how, { noRetry: true }, undefined, decode);
  }

  failTry(id: string, error: unknown, ms: number, how: Retries, decode: Decode): Promise<unknown> {
    const noRetry = error instanceof NonRetriableError || how.atMostOnce;
    const problem = problemOf(error, this.settings.stackTraces);
    return this.storeFailure(id, problem, ms, how, { noRetry, retryAfter: noRetry ? undefined : retryAfterOf(error) }, error, decode);
  }

  async storeFailure(
    id: string,
    problem: Problem,
    ms: number,
    how: Retries,
    { noRetry, retryAfter }: { noRetry: boolean; retryAfter?: number | undefined },
    cause: unknown,
    decode: Decode,
  ): Promise<unknown> {
    const failure = new StepError(id, problem, cause);
    const words = (what: string) =>
      this.line(`${what} '${id}' failed after ${ms.toFixed(0)} ms: ${problem.exceptionType ?? problem.title}: ${problem.detail ?? ""}`);
    if (!this.gateway) {
      this.settings.logger.warn(words("A try of step"));
      throw failure;
    }
    const body = new TextEncoder().encode(JSON.stringify(problem));
    const answer = await this.gateway.put(id, {
      headers: {
        "durable-step-outcome": "failed",
        "durable-step-duration": seconds(ms),
        "durable-retry": noRetry ? "?0" : undefined,
        "durable-step-retry": how.header,
        "retry-after": retryAfter === undefined ? undefined : seconds(retryAfter),
      },
      body,
      contentType: PROBLEM_TYPE,
    });
    switch (answer.status) {
      case 201:
        this.settings.logger.warn(words("For good, step"));
        throw failure;
      case 202:
        this.settings.logger.warn(words("A try of step"));
        throw new StepPending();
      case 413:
        if (body.length > SMALL_PROBLEM_BYTES) return this.storeFailure(id, shortened(problem), ms, how, { noRetry: true }, cause, decode);
    }
    return this.actOn(id, answer, decode);
  }

  /** Begins a step that the gateway completes, and gives its outcome where it has one already. */
  async ask(id: string, what: string, write: StepWrite, decode: Decode): Promise<unknown> {
    return this.actOn(id, await this.requireGateway(id, what).put(id, write), decode);
  }

  /** Every answer but the plain `201`. */
  actOn(id: string, answer: Answer, decode: Decode): unknown {
    switch (answer.status) {
      case 200: {
        const contentType = answer.headers.get("content-type") ?? JSON_TYPE;
        return this.use(id, { failed: answer.headers.get("durable-step-outcome") === "failed", contentType, body: answer.body }, decode);
      }
      case 202:
        throw new StepPending();
      case 409:
      case 410:
        throw this.abandon(id, answer);
      case 422: {
        const problem = parseProblem(answer.body);
        if (isBeyondRunTimeout(problem)) throw new StepError(id, problem);
      }
    }
    throw refused(`Step '${id}'`, answer);
  }

  use(id: string, outcome: Outcome, decode: Decode): unknown {
    if (outcome.failed) throw new StepError(id, parseProblem(outcome.body));
    return decode(outcome);
  }

  abandon(id: string, answer: Answer): AttemptOverError {
    const { message } = refused(`Step '${id}'`, answer);
    this.settings.logger.debug?.(this.line(`The attempt is abandoned. ${message}`));
    this.overrule(abandoned(message, this.settings.errorDetails));
    this.endAttempt(message);
    return new AttemptOverError("abandoned", message);
  }

  fail(error: CheckpointError): void {
    if (!this.override || isSuspended(this.override)) {
      this.settings.logger.warn(this.line(`The attempt has failed. The gateway starts another. ${error.message}`));
    }
    this.overrule(failed(error, this.settings.errorDetails));
  }

  /** The worst that was seen decides: abandoned is final, and a failed checkpoint outweighs a step that waits. */
  overrule(verdict: Verdict): void {
    if (!this.#override || this.#override.status < verdict.status) this.#override = verdict;
    if (!isSuspended(verdict)) this.activity.release();
  }

  requireGateway(id: string, what: string): GatewayClient {
    if (this.gateway) return this.gateway;
    throw new StepUsageError(
      `Step '${id}' ${what}, but this request did not come through one. Call the service through the gateway, by a durable route. ` +
        "In a unit test, use TestRun of @durable-gateway/client/testing.",
    );
  }

  /** A line of the log, with the attempt and its run. */
  line(what: string): string {
    return this.info.isDurable ? `${what} (attempt ${this.info.attempt} of run ${this.info.id})` : what;
  }
}
