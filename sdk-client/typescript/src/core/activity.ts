import { AttemptOverError } from "./errors.js";
import { type Deferred, deferred, delay, onAbort } from "./signals.js";

/** The time is measured in pieces. A process that stands still for longer than all of it loses one piece only. */
const PIECES = 10;

/** How many pieces are waited for branches that ask for steps again and again though they get none any more. */
const MAX_PIECES = 10 * PIECES;

const MAX_QUIET = 5000;

/**
 * Which steps of an attempt are executing and which are parked, and so whether the handler can continue. A step is executing from its
 * beginning until its outcome is known, its checkpoint included. It is parked while its outcome belongs to a later attempt.
 */
export class StepActivity {
  readonly #executing = new Set<string>();
  readonly #parked = new Set<string>();
  readonly #goingOn = new Set<string>();
  readonly #released = deferred();
  #idle: Deferred | undefined;
  #still: Deferred | undefined;
  #onlyParked: Deferred | undefined;
  #begun = 0;
  #hasParked = false;
  #refused = false;
  #leftBehind = false;
  #suspended = false;

  constructor(private readonly suspendAfter: number) {}

  /** Whether the attempt has been suspended: nothing new begins in it. */
  get isSuspended(): boolean {
    return this.#suspended;
  }

  /** Whether any step of this attempt was parked. */
  get hasParked(): boolean {
    return this.#hasParked;
  }

  /** Whether steps were executing when the handler ended. */
  get hasLeftBehind(): boolean {
    return this.#leftBehind;
  }

  /** Whether a branch has not come to its end: it may not have asked for all of its steps. */
  get hasOpenBranches(): boolean {
    return this.#leftBehind || this.#hasParked || this.#executing.size > 0;
  }

  /** The steps that are parked now. */
  get parked(): string[] {
    return [...this.#parked].sort();
  }

  enter(id: string): void {
    this.#begun++;
    this.#executing.add(id);
  }

  /** The step's outcome is known. `goesOn`: whether `wentOn` will follow. */
  leave(id: string, goesOn: boolean): void {
    // A branch that was parked has nothing to continue with.
    if (this.#executing.delete(id) && goesOn) this.#goingOn.add(id);
    this.#parked.delete(id);
    this.#signal();
  }

  /** The branch that waited for a step has continued with its outcome, up to its next wait. */
  wentOn(id: string): void {
    this.#goingOn.delete(id);
    this.#signal();
  }

  /** A branch does something that is no step, and so it is not at its end. */
  touch(): void {
    this.#begun++;
  }

  /**
   * Waits for what comes in a later attempt: until this one is over.
   *
   * @param parent The callback that the step hands out: it waits for the step.
   */
  async park(id: string, parent: string | undefined, signal: AbortSignal | undefined): Promise<never> {
    this.#hasParked = true;
    for (const each of parent === undefined ? [id] : [id, parent]) if (this.#executing.delete(each)) this.#parked.add(each);
    this.#signal();
    const given = deferred();
    const forget = signal && onAbort(signal, () => given.resolve());
    if (signal?.aborted) given.resolve();
    let released = false;
    await Promise.race([
      this.#released.promise.then(() => {
        released = true;
      }),
      given.promise,
    ]);
    forget?.();
    if (!released) throw signal?.reason;
    throw new AttemptOverError("suspended", `Step '${id}' continues in a later attempt.`);
  }

  /**
   * Suspends the attempt when the handler cannot continue: steps are parked, none is executing, and none has begun for a while.
   *
   * @returns Whether it was suspended; `false` where the handler ended first.
   */
  async suspendWhenStill(ended: AbortSignal): Promise<boolean> {
    const over = new Promise<boolean>((resolve) => ended.addEventListener("abort", () => resolve(true), { once: true }));
    while (!ended.aborted) {
      if (await Promise.race([this.#whenOnlyParked(), over])) return false;
      const begun = this.#begun;
      for (let i = 0; i < PIECES && begun === this.#begun; i++) {
        try {
          await delay(this.suspendAfter / PIECES, ended);
        } catch {
          return false;
        }
      }
      if (begun !== this.#begun || this.#executing.size > 0 || this.#parked.size === 0) continue;
      this.#suspended = true;
      return true;
    }
    return false;
  }

  /** Notes that a step did not begin because the attempt is suspended. */
  refuse(): void {
    this.#refused = true;
  }

  /** The handler has ended before anybody was told of the suspension: its own end counts. */
  endByItself(): void {
    this.#suspended &&= this.#refused;
  }

  /** Ends the wait of the parked steps, so that code which must run when they are left does run. */
  release(): void {
    this.#released.resolve();
  }

  /** Resolves when no step is executing. */
  drain(): Promise<void> {
    if (this.#executing.size === 0) return Promise.resolve();
    this.#leftBehind = true;
    this.#idle ??= deferred();
    return this.#idle.promise;
  }

  /** Resolves when, moreover, each branch has continued with the outcome that it has got. */
  goneOn(): Promise<void> {
    if (this.#executing.size + this.#goingOn.size === 0) return Promise.resolve();
    this.#still ??= deferred();
    return this.#still.promise;
  }

  /** Resolves when no branch that was left behind has done anything for a while. */
  async quiet(signal: AbortSignal): Promise<void> {
    // A handler that may work for hours between its steps is not waited for that long: its failure is the answer.
    const piece = Math.min(this.suspendAfter, MAX_QUIET) / PIECES;
    let begun = this.#begun;
    for (let quiet = 0, waited = 0; quiet < PIECES && waited < MAX_PIECES && !signal.aborted; quiet++, waited++) {
      await delay(piece, signal).catch(() => {});
      if (begun === this.#begun) continue;
      begun = this.#begun;
      quiet = -1;
    }
  }

  #whenOnlyParked(): Promise<void> {
    if (this.#executing.size === 0 && this.#parked.size > 0) return Promise.resolve();
    this.#onlyParked ??= deferred();
    return this.#onlyParked.promise;
  }

  #signal(): void {
    if (this.#executing.size > 0) return;
    this.#idle?.resolve();
    if (this.#goingOn.size === 0) {
      this.#still?.resolve();
      this.#still = undefined;
    }
    if (this.#parked.size > 0) {
      this.#onlyParked?.resolve();
      this.#onlyParked = undefined;
    }
  }
}
