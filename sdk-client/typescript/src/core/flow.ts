/**
 * A step in the order in which the handler's code began it, as far as the runtime's async context tells: it knows what was begun before it
 * in the same chain of calls.
 */
export class Flow {
  private readonly depth: number;

  constructor(private readonly before: Flow | undefined) {
    this.depth = before ? before.depth + 1 : 0;
  }

  /**
   * Whether an earlier step could as well have begun after this one: they belong to different branches, and that of the earlier one is
   * still under way.
   */
  mightPrecede(earlier: Flow, underWay: Iterable<Flow>): boolean {
    if (this.#follows(earlier)) return false;
    for (const other of underWay) if (other.#follows(earlier) && !this.#follows(other)) return true;
    return false;
  }

  #follows(earlier: Flow): boolean {
    let flow: Flow | undefined = this;
    while (flow && flow.depth > earlier.depth) flow = flow.before;
    return flow === earlier;
  }
}
