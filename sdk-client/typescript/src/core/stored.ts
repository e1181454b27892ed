import { isToken, type Mismatch, mismatchField, type Outcome } from "./fields.js";
import { callbackOf, ROLLBACK_BEGUN } from "./names.js";

/** The outcomes that earlier attempts left, and what the handler has asked for of them. */
export class StoredSteps {
  readonly #asked = new Map<string, string>();
  readonly #optional = new Set<string>();
  #rest: Promise<Map<string, Outcome>> | undefined;
  #all: Map<string, Outcome>;

  /** @param read Reads all outcomes; absent where all are known. */
  constructor(
    known: Map<string, Outcome>,
    private readonly read: (() => Promise<Map<string, Outcome>>) | undefined,
  ) {
    this.#all = known;
  }

  /** The stored outcome of a step, if there is one. Those that did not fit into the header are read once. */
  async find(id: string, type: string): Promise<Outcome | undefined> {
    this.#asked.set(id, type);
    const known = this.#all.get(id);
    if (known || !this.read) return known;
    this.#rest ??= this.read().then((all) => {
      this.#all = all;
      return all;
    });
    return (await this.#rest).get(id);
  }

  /** The same, of what has been read so far. Nothing that the handler asks for. */
  peek(id: string): Outcome | undefined {
    return this.#all.get(id);
  }

  /** Whether outcomes are stored that the handler has not asked for. */
  get hasUnasked(): boolean {
    return [...this.#all.keys()].some((id) => !this.#asked.has(id) && !this.#isOptional(id));
  }

  /** A step that the handler need not reach. */
  makeOptional(id: string): void {
    this.#optional.add(id);
  }

  /**
   * How the handler differs from what is stored, as the value of `Durable-Mismatch`.
   *
   * @param finished Whether the handler has asked for all that it ever will.
   */
  mismatches(finished: boolean): string | undefined {
    const mismatches: Mismatch[] = [];
    for (const [id, { type: stored }] of this.#all) {
      const asked = this.#asked.get(id);
      if (asked === undefined) {
        if (finished && !this.#isOptional(id)) mismatches.push({ id, unused: true });
      } else if (stored !== undefined && stored !== asked && isToken(stored)) mismatches.push({ id, stored, asked });
    }
    return mismatchField(mismatches);
  }

  /** A callback that is complete is not handed out again. */
  #isOptional(id: string): boolean {
    if (this.#optional.has(id) || id === ROLLBACK_BEGUN) return true;
    const callback = callbackOf(id);
    return callback !== undefined && (this.#asked.get(callback) === "callback" || this.#all.get(callback)?.type === "callback");
  }
}
