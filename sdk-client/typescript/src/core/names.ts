import type { StepActivity } from "./activity.js";
import { StepUsageError } from "./errors.js";
import type { Flow } from "./flow.js";

/** The step that keeps why a run is rolled back. */
export const ROLLBACK_BEGUN = "rollback begun";

const MAX_ID_BYTES = 256;
const HANDED_OUT = " handed out";

/** The step that hands the URL of a callback out. By the callback's id: each use of a name is handed out for itself. */
export const handOutOf = (callback: string) => callback + HANDED_OUT;

/** The callback that a step hands out; `undefined` for other steps. */
export const callbackOf = (id: string) => (id.endsWith(HANDED_OUT) ? id.slice(0, -HANDED_OUT.length) : undefined);

export const tooLate = (name: string) =>
  new StepUsageError(`Step '${name}' starts after the handler has ended. Await every step in the handler.`);

/** The ids of an attempt's steps. */
export class StepNames {
  readonly #uses = new Map<string, number>();
  readonly #ids = new Set<string>([ROLLBACK_BEGUN]);
  readonly #begun = new Map<string, Flow | undefined>();
  readonly #latest = new Map<string, { id: string; flow: Flow }>();
  #closed = false;

  constructor(
    private readonly activity: StepActivity,
    private readonly nextFlow: () => Flow | undefined,
  ) {}

  /** Gives a step its id, and begins it. @throws StepUsageError It cannot have the name, or not now. */
  enter(name: string): string {
    const id = this.#assign(name);
    const latest = this.#latest.get(name);
    this.enterReserved(id, latest?.id === id ? latest.flow : undefined);
    return id;
  }

  /** Gives a step its id that is begun later, or never. */
  reserve(name: string): string {
    return this.#assign(name);
  }

  /** Begins the step that belongs to a callback. */
  enterHandOut(callback: string): string {
    const id = handOutOf(callback);
    if (!isWithinBytes(id)) {
      const bytes = MAX_ID_BYTES - HANDED_OUT.length;
      throw new StepUsageError(`'${callback}' is too long for the name of a callback: it must be at most ${bytes} bytes of UTF-8.`);
    }
    if (this.#ids.has(id)) {
      throw new StepUsageError(
        `The name '${id}' belongs to the step that hands out the URL of '${callback}'. Give the other step with that name another name.`,
      );
    }
    this.#ids.add(id);
    this.enterReserved(id);
    return id;
  }

  /** Begins a step that has its id already, though the handler has ended. */
  enterReserved(id: string, flow?: Flow): void {
    this.#begun.set(id, flow);
    this.activity.enter(id);
  }

  leave(id: string, goesOn: boolean): void {
    this.#begun.delete(id);
    this.activity.leave(id, goesOn);
  }

  /** Gives no further name out. */
  close(): void {
    this.#closed = true;
  }

  #assign(name: string): string {
    if (typeof name !== "string" || name === "") {
      throw new StepUsageError("A step has no name. Give each step its own name, because the name identifies the stored outcome.");
    }
    if (name === ROLLBACK_BEGUN) {
      throw new StepUsageError(`'${name}' is the name of the step that stores the reason of a rollback. Give the step another name.`);
    }
    if (this.#closed) throw tooLate(name);
    const uses = this.#uses.get(name) ?? 0;
    if (uses > 0 && this.#begun.has(idOf(name, uses))) {
      throw new StepUsageError(
        `Two steps named '${name}' run at the same time, so a replay could not distinguish them. ` +
          `Give each step its own name, such as '${name}-' and the item's id.`,
      );
    }
    const flow = this.nextFlow();
    const before = this.#latest.get(name);
    if (flow && before && flow.mightPrecede(before.flow, this.#underWay())) {
      throw new StepUsageError(
        `Two branches that run at the same time use the name '${name}'. A replay in which they start in another order would confuse ` +
          `their outcomes. Give the steps of each branch their own names, such as '${name}-' and the item's id.`,
      );
    }
    const id = idOf(name, uses + 1);
    if (id === "." || id === ".." || id.includes("\0") || !isWithinBytes(id)) {
      throw new StepUsageError(
        `'${name}' cannot be the name of a step. A name must be at most ${MAX_ID_BYTES} bytes of UTF-8 without NUL and lone surrogates, ` +
          "and must not be '.' or '..'.",
      );
    }
    if (this.#ids.has(id)) {
      throw new StepUsageError(
        `The name '${name}' looks like use ${uses + 1} of another name. Do not use names that end in '#' and a number, ` +
          `or in '${HANDED_OUT}'.`,
      );
    }
    this.#ids.add(id);
    this.#uses.set(name, uses + 1);
    if (flow) this.#latest.set(name, { id, flow });
    return id;
  }

  *#underWay(): Iterable<Flow> {
    for (const flow of this.#begun.values()) if (flow) yield flow;
  }
}

const idOf = (name: string, use: number) => (use === 1 ? name : `${name}#${use}`);

function isWithinBytes(id: string): boolean {
  // What a lone surrogate becomes is another text: it would be another step's id.
  return !/\p{Surrogate}/u.test(id) && new TextEncoder().encode(id).length <= MAX_ID_BYTES;
}
