import type { StepActivity } from "./activity.js";
import { AttemptOverError, CheckpointError, isForGood, StepError, StepUsageError, statesFailure } from "./errors.js";
import type { Outcome } from "./fields.js";
import { ROLLBACK_BEGUN, type StepNames } from "./names.js";
import { checked, type Retries, type Settings, type StepOptions } from "./options.js";
import { type Problem, parseProblem, problemOf, problemOfMisuse, shortened } from "./problem.js";
import type { StepContext } from "./step.js";
import type { StoredSteps } from "./stored.js";

export type Compensation = (context: StepContext) => unknown;

/** How a handler ended. */
export interface HandlerEnd {
  readonly failure: unknown;
  /** Whether it threw the failure; an error that the framework makes a response of is none. */
  readonly threw: boolean;
  /** Whether the attempt was over by then. */
  readonly wasOver: boolean;
}

/** What a rollback asks of the steps of its attempt. */
export interface Undoing {
  readonly over: AbortSignal;
  readonly names: StepNames;
  /** Executes a compensation as a step. @throws StepError It has failed finally. */
  compensate(id: string, compensation: Compensation, how: Retries): Promise<unknown>;
  /** Stores a final failure. @throws StepError The one that is stored. */
  storeFailure(id: string, problem: Problem): Promise<unknown>;
  fail(error: CheckpointError): void;
  line(what: string): string;
}

/** The compensations of an attempt, and whether they are executed: see "Undoing" of the wire contract. */
export class Rollback {
  readonly #compensations: { readonly id: string; readonly compensation: Compensation; readonly how: Retries }[] = [];

  /**
   * @param hasGateway Whether outcomes are stored.
   * @param isLast Whether the run fails with this attempt.
   */
  constructor(
    private readonly steps: Undoing,
    private readonly stored: StoredSteps,
    private readonly activity: StepActivity,
    private readonly settings: Settings,
    private readonly hasGateway: boolean,
    private readonly isLast: boolean,
  ) {}

  register(name: string, compensation: Compensation, options: StepOptions | undefined, inside: string | undefined): void {
    const how = checked(options);
    if (inside !== undefined) {
      throw new StepUsageError(
        `The compensation '${name}' is registered inside step '${inside}', which a replay does not execute. Register it after the step.`,
      );
    }
    const id = this.steps.names.reserve(name);
    this.stored.makeOptional(id);
    this.#compensations.push({ id, compensation, how });
    this.activity.touch();
  }

  /** Whether an earlier attempt has begun it. @throws CheckpointError The stored steps cannot be read. The attempt has failed. */
  async hasBegun(): Promise<boolean> {
    return (await this.#find()) !== undefined;
  }

  /** Whether the run is going to fail, or to be rolled back, as far as it can be told before all branches are known. */
  isToCome({ failure, threw, wasOver }: HandlerEnd): boolean {
    if (this.stored.peek(ROLLBACK_BEGUN)) return true;
    if (!threw || failure instanceof CheckpointError || failure instanceof AttemptOverError || isCancellation(failure, wasOver))
      return false;
    return isForGood(failure) || this.isLast || !this.hasGateway;
  }

  /** Waits until the branches that the handler has left behind have registered how what they have done is undone. */
  async registered(): Promise<void> {
    await this.activity.goneOn();
    // What a branch does besides steps cannot be seen. It may be between its step and the registration, or on the way to its step.
    if (this.activity.hasLeftBehind || this.stored.hasUnasked || this.stored.peek(ROLLBACK_BEGUN))
      await this.activity.quiet(this.steps.over);
    this.steps.names.close();
    await this.activity.goneOn();
  }

  /** Why the run has failed finally, if it has. Where there are compensations, it is stored. */
  async cause({ failure, threw, wasOver }: HandlerEnd): Promise<Problem | undefined> {
    const hasCompensations = this.#compensations.length > 0;
    const rollsBack = hasCompensations && this.hasGateway;
    // A run that has begun to roll back cannot continue, even if what failed would succeed now.
    const begun = rollsBack ? await this.#find() : this.stored.peek(ROLLBACK_BEGUN);
    if (begun) return parseProblem(begun.body);
    if (!threw || isCancellation(failure, wasOver)) return undefined;
    if (failure instanceof StepError) {
      // It is stored already, and each replay fails by it at the same place. Not so where another branch may have come further by then.
      const problem = { ...failure.problem, step: failure.step };
      return rollsBack && (this.activity.hasParked || this.activity.hasLeftBehind) ? this.#begin(problem) : problem;
    }
    if (!isForGood(failure) && !(hasCompensations && (this.isLast || !this.hasGateway))) return undefined;
    const own = failure instanceof StepUsageError ? problemOfMisuse(failure) : problemOf(failure, false);
    return rollsBack ? this.#begin(own) : own;
  }

  /** Executes the compensations, the last one first. One that fails finally does not stop the others. */
  async execute(): Promise<StepError[]> {
    const failures: StepError[] = [];
    for (const { id, compensation, how } of [...this.#compensations].reverse()) {
      try {
        await this.steps.compensate(id, compensation, how);
      } catch (error) {
        if (error instanceof StepError) failures.push(error);
        else if (error instanceof StepUsageError) {
          this.settings.logger.error(this.steps.line(`The compensation '${id}' uses a durable step incorrectly: ${error.message}`));
          failures.push(new StepError(id, { title: "A durable step is used wrongly", detail: error.message }, error));
        } else throw error;
      }
    }
    return failures;
  }

  /** Stores why the run is rolled back. Without it a replay whose handler does not fail again would continue with what has been undone. */
  async #begin(problem: Problem): Promise<Problem> {
    const kept = shortened(problem);
    try {
      await this.steps.storeFailure(ROLLBACK_BEGUN, kept);
    } catch (error) {
      if (error instanceof StepError) return error.problem === kept ? problem : error.problem;
      if (error instanceof CheckpointError) this.steps.fail(error);
      throw error;
    }
    return problem;
  }

  async #find(): Promise<Outcome | undefined> {
    try {
      return await this.stored.find(ROLLBACK_BEGUN, "run");
    } catch (error) {
      if (error instanceof CheckpointError) this.steps.fail(error);
      throw error;
    }
  }
}

/**
 * Whether what the handler threw is the end of its attempt, and not a failure. A handler that is cancelled may throw anything. The failure
 * of a step is stored already.
 */
function isCancellation(failure: unknown, wasOver: boolean): boolean {
  return wasOver && !statesFailure(failure) && !(failure instanceof StepError || failure instanceof StepUsageError);
}
