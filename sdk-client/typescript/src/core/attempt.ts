import { StepActivity } from "./activity.js";
import { inContext } from "./context.js";
import { AttemptOverError, CheckpointError, isForGood, StepUsageError } from "./errors.js";
import { type Outcome, parseSteps } from "./fields.js";
import { CALL_TIMES, type CallTimes, GatewayClient } from "./gateway.js";
import type { Settings } from "./options.js";
import { guardRejections } from "./rejections.js";
import type { HandlerEnd } from "./rollback.js";
import { StepRunner } from "./runner.js";
import type { RunInfo, Step } from "./step.js";
import { StoredSteps } from "./stored.js";
import { failed, failedForGood, isFinal, isSuspended, type Verdict } from "./verdict.js";

const VERSION = "1";

/** Gives the value of a request header; several lines joined by a comma. */
export type ReadHeader = (name: string) => string | null | undefined;

/** How a handler ended. */
export type Ending<T> =
  /** Its own response stands. */
  | { readonly kind: "returned"; readonly value: T }
  /** What it threw is the framework's affair, as it would be without steps. */
  | { readonly kind: "threw"; readonly error: unknown }
  /** The answer to give in its place. */
  | { readonly kind: "overruled"; readonly verdict: Verdict };

export interface AttemptParts {
  readonly signal?: AbortSignal | undefined;
  /** Whether the framework makes a response below 500 of an error: a redirect, a 404. It is no failure. */
  readonly isResponse?: ((error: unknown) => boolean) | undefined;
  /** @internal */
  readonly times?: CallTimes | undefined;
}

/** One request, as an attempt of a run: what every adapter wraps around a handler. */
export class Attempt {
  readonly #activity: StepActivity;
  readonly #runner: StepRunner;
  readonly #handlerOver: AbortController;
  readonly #stored: StoredSteps;
  readonly #gateway: GatewayClient | undefined;
  readonly #settings: Settings;
  readonly #isResponse: (error: unknown) => boolean;
  #threw = false;

  private constructor(
    info: RunInfo,
    gateway: GatewayClient | undefined,
    known: Map<string, Outcome>,
    complete: boolean,
    isLast: boolean,
    settings: Settings,
    parts: AttemptParts,
  ) {
    this.#handlerOver = new AbortController();
    this.#activity = new StepActivity(settings.suspendAfter);
    this.#stored = new StoredSteps(known, gateway && !complete ? () => gateway.getSteps(this.#runner.over) : undefined);
    this.#runner = new StepRunner(info, gateway, this.#stored, this.#activity, settings, isLast, this.#handlerOver.signal);
    this.#gateway = gateway;
    this.#settings = settings;
    this.#isResponse = parts.isResponse ?? (() => false);
    const { over } = this.#runner;
    over.addEventListener("abort", () => {
      this.#activity.release();
      this.#handlerOver.abort(over.reason);
    });
    const abort = () => this.#runner.endAttempt("The request was cancelled.");
    if (parts.signal?.aborted) abort();
    parts.signal?.addEventListener("abort", abort, { once: true });
  }

  /**
   * Reads what the gateway says of a request. One without its headers is not durable: its steps simply run.
   *
   * @throws CheckpointError The headers are not those of a version that this SDK knows.
   */
  static begin(header: ReadHeader, settings: Settings, parts: AttemptParts = {}): Attempt {
    const version = header("durable-protocol")?.trim();
    if (!version) {
      const info = { id: undefined, attempt: 0, isDurable: false, isReplay: false };
      return new Attempt(info, undefined, new Map(), true, false, settings, parts);
    }
    if (version !== VERSION) {
      const versions = `The gateway uses version '${version}' of the contract, and this SDK uses version ${VERSION}.`;
      const words = `${versions} Update the SDK of this service.`;
      throw new CheckpointError(words, { clientMessage: words });
    }
    try {
      const required = (name: string) => {
        const value = header(name)?.trim();
        if (!value) throw new SyntaxError(`${name} is missing.`);
        return value;
      };
      const attempt = wholeNumber(required("durable-attempt"), "durable-attempt");
      const callbacks = required("durable-callback").split(",").map(address);
      const known = parseSteps(header("durable-steps") ?? null);
      const count = header("durable-step-count")?.trim();
      const complete = (count ? wholeNumber(count, "durable-step-count") : 0) <= known.size;
      const [token, egress] = [required("durable-token"), header("durable-egress-token")?.trim() || undefined];
      const gateway = new GatewayClient(callbacks, token, settings.build, settings.fetch, parts.times ?? CALL_TIMES, egress);
      const info = { id: required("durable-run-id"), attempt, isDurable: true, isReplay: attempt > 1 };
      return new Attempt(info, gateway, known, complete, header("durable-final-attempt")?.trim() === "?1", settings, parts);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new CheckpointError(`The headers of the attempt cannot be read: ${why}`, { cause: error });
    }
  }

  /** What an attempt that cannot begin is answered with. */
  static refuse(error: CheckpointError, settings: Settings): Verdict {
    settings.logger.warn(`An attempt cannot start. ${error.message}`);
    return failed(error, settings.errorDetails);
  }

  get step(): Step {
    return this.#runner.step;
  }

  /**
   * Executes the handler, and tells what to answer. When this resolves, no step is executing any more; where the handler has failed for
   * good, its compensations have been executed.
   */
  async run<T>(handler: (step: Step) => T | PromiseLike<T>): Promise<Ending<T>> {
    let ending: Ending<T>;
    try {
      // In a function of its own: a handler that is no async function may throw at once.
      const context = { step: this.step, egressToken: this.#gateway?.egressToken };
      const handling = (async () => await inContext(context, () => handler(this.step)))();
      await this.#suspendWhenStill(handling);
      ending = { kind: "returned", value: await handling };
    } catch (error) {
      ending = { kind: "threw", error };
    }
    const threw = ending.kind === "threw" && !this.#isResponse(ending.error);
    // Known before anything is waited for: a response that the framework writes of it is not one of a handler that finished.
    this.#threw = threw;
    try {
      const failure = threw ? (ending as { error: unknown }).error : undefined;
      const verdict = await this.#end({ failure, threw, wasOver: this.#runner.over.aborted });
      return verdict ? { kind: "overruled", verdict } : ending;
    } catch (error) {
      return { kind: "threw", error };
    }
  }

  /**
   * Whether the run is being rolled back: whatever the handler returns, the answer is another one. An adapter whose handler writes the
   * response itself asks before it executes the handler.
   *
   * @throws CheckpointError The stored steps cannot be read. The attempt has failed.
   */
  hasRollbackBegun(): Promise<boolean> {
    return this.#runner.rollback.hasBegun();
  }

  /** What must be answered, whatever the handler makes of it; `undefined` while all is well. */
  get override(): Verdict | undefined {
    return this.#runner.override;
  }

  /** The headers that a response with this status must bear, whoever wrote it. */
  headersOf(status: number): Record<string, string> {
    const verdict = this.override;
    return verdict ? { ...verdict.headers, ...this.#notes(false) } : this.#notes(!this.#threw && status < 500);
  }

  /** The headers of a verdict: its own, the build, and how the handler differs from what is stored. */
  headersOfVerdict(verdict: Verdict): Record<string, string> {
    return { ...verdict.headers, ...this.#notes(isFinal(verdict)) };
  }

  #notes(finished: boolean): Record<string, string> {
    const build = this.#gateway?.build;
    const mismatch = this.#stored.mismatches(finished && !this.#activity.hasOpenBranches);
    return {
      ...(build === undefined ? {} : { "durable-build": build }),
      ...(mismatch === undefined ? {} : { "durable-mismatch": mismatch }),
    };
  }

  /** Resolves when the handler has ended: by itself, or because it cannot continue. */
  async #suspendWhenStill(handling: Promise<unknown>): Promise<void> {
    const ended = new AbortController();
    const end = () => ended.abort();
    handling.then(end, end);
    if (!(await this.#activity.suspendWhenStill(ended.signal))) return;
    if (ended.signal.aborted) return this.#activity.endByItself();
    const { logger, suspendAfter } = this.#settings;
    const line = `Attempt ${this.step.info.attempt} of run ${this.step.info.id}`;
    logger.debug?.(`${line} is suspended. It waits for ${this.#activity.parked.join(", ")}`);
    const began = performance.now();
    guardRejections();
    this.#activity.release();
    this.#handlerOver.abort(new AttemptOverError("suspended", "The attempt is suspended."));
    await handling.catch(() => {});
    const elapsed = performance.now() - began;
    if (elapsed > suspendAfter) {
      logger.warn(
        `${line} was suspended while the handler worked outside of steps. The handler ended ${elapsed.toFixed(0)} ms later. ` +
          "The next attempt repeats that work, and does not get further if the work takes as long. " +
          `Put the work into a step, or increase suspendAfter (${suspendAfter} ms)`,
      );
    }
  }

  /** Waits for what is executing, and rolls back where the handler has failed finally. */
  async #end(end: HandlerEnd): Promise<Verdict | undefined> {
    const { failure } = end;
    const runner = this.#runner;
    const { rollback } = runner;
    // Branches that still run may checkpoint before the attempt ends, so that they need not run again. Those that wait do not matter any
    // more.
    runner.handlerHasEnded();
    await this.#activity.drain();
    guardRejections();
    this.#activity.release();
    if (rollback.isToCome(end)) await rollback.registered();
    runner.names.close();
    if (failure instanceof StepUsageError) this.#settings.logger.error(`A durable step is used incorrectly: ${failure.message}`);

    // The failure of a step is known by now, and another branch that still waits cannot take it back.
    const verdict = runner.override;
    if (verdict && !(isSuspended(verdict) && isForGood(failure))) return verdict;
    if (failure instanceof CheckpointError) return failed(failure, this.#settings.errorDetails);
    try {
      const cause = await rollback.cause(end);
      if (!cause) return runner.override;
      const failures = await rollback.execute();
      if (this.#gateway || isForGood(failure)) return failedForGood(cause, failures, this.#settings.errorDetails);
      if (failures.length > 0) throw new AggregateError([failure, ...failures], "The handler and compensations failed.");
      return undefined;
    } catch (error) {
      if ((error instanceof CheckpointError || error instanceof AttemptOverError) && runner.override) return runner.override;
      throw error;
    }
  }
}

function wholeNumber(text: string, name: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new SyntaxError(`${name} has '${text}', which is not a whole number.`);
  return Number(text);
}

function address(text: string): string {
  const trimmed = text.trim();
  if (!/^https?:\/\//i.test(trimmed) || !URL.canParse(trimmed))
    throw new SyntaxError(`durable-callback has '${trimmed}', which is not an HTTP URL.`);
  return trimmed;
}
