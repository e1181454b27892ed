import { Attempt } from "./core/attempt.js";
import { fromBase64, toBase64 } from "./core/content.js";
import { type DurableOptions, settle } from "./core/options.js";
import { PROBLEM_TYPE } from "./core/problem.js";
import type { Step } from "./core/step.js";

/** @internal */
export const RUN_ID = "00000000-0000-7000-8000-000000000001";
/** @internal */
export const RUN_URL = `http://test.invalid/_durable/v1/runs/${RUN_ID}`;

const MAX_ROUNDS = 1000;

interface Kept {
  readonly type: string;
  readonly failed: boolean;
  readonly contentType: string;
  readonly body: Uint8Array<ArrayBuffer>;
}

/** Answers checkpoints as a gateway does, for one run, from memory. @internal */
export class TestGateway {
  readonly stored = new Map<string, Kept>();
  readonly scripted = new Map<string, Omit<Kept, "type">>();
  readonly pending = new Map<string, string>();
  readonly events: string[] = [];
  readonly #tries = new Map<string, number>();
  readonly #started = new Map<string, string>();

  constructor(private readonly maxAttempts: number) {}

  /** Whether something has come that a pending step waits for. */
  get canGoOn(): boolean {
    return [...this.pending.keys()].some((step) => this.scripted.has(step));
  }

  readonly fetch = async (input: string | URL | Request, init?: RequestInit): Promise<Response> => {
    const request = new Request(input, init);
    const body = new Uint8Array(await request.arrayBuffer());
    if (request.method === "GET") {
      return Response.json(
        [...this.stored].map(([id, { type, failed, contentType, body: bytes }]) => ({
          id,
          type,
          outcome: failed ? "failed" : "completed",
          contentType,
          body: toBase64(bytes),
        })),
      );
    }
    if (request.method === "POST") {
      this.events.push((JSON.parse(new TextDecoder().decode(body)) as { type: string }).type);
      return Response.json({ woken: 0 }, { status: 202 });
    }
    return this.#put(decodeURIComponent(request.url.slice(request.url.lastIndexOf("/") + 1)), request.headers, body);
  };

  #put(step: string, headers: Headers, body: Uint8Array<ArrayBuffer>): Response {
    if (this.stored.has(step)) return this.#already(step);
    const type = headers.get("durable-step-type") ?? "run";
    if (type !== "run") {
      const scripted = this.scripted.get(step);
      if (scripted) return this.#keep(step, { ...scripted, type });
      this.pending.set(step, type);
      const url = `http://test.invalid/_durable/v1/callbacks/${encodeURIComponent(step)}`;
      return new Response(null, { status: 202, headers: type === "callback" ? { "durable-callback-url": url } : {} });
    }
    const outcome = headers.get("durable-step-outcome");
    if (outcome === "started") {
      const execution = headers.get("durable-execution") ?? "";
      const by = this.#started.get(step) ?? execution;
      this.#started.set(step, by);
      if (by === execution) return new Response(null, { status: 201 });
      return this.#keep(step, failureOf("run", "step-interrupted", "The step was interrupted"));
    }
    const tries = (this.#tries.get(step) ?? 0) + 1;
    this.#tries.set(step, tries);
    const max = Number(/max-attempts=(\d+)/.exec(headers.get("durable-step-retry") ?? "")?.[1] ?? this.maxAttempts);
    if (outcome === "failed" && headers.get("durable-retry") !== "?0" && tries < max) {
      this.pending.set(step, type);
      return new Response(null, { status: 202, headers: { "retry-after": "1" } });
    }
    this.#keep(step, { type, failed: outcome === "failed", contentType: headers.get("content-type") ?? "application/json", body });
    return new Response(null, { status: 201 });
  }

  #keep(step: string, outcome: Kept): Response {
    this.pending.delete(step);
    this.stored.set(step, outcome);
    return this.#already(step);
  }

  #already(step: string): Response {
    const { failed, contentType, body } = this.stored.get(step) as Kept;
    return new Response(body, { headers: { "content-type": contentType, "durable-step-outcome": failed ? "failed" : "completed" } });
  }

  /** `Durable-Steps` with what may stand in it. */
  get inlined(): string {
    return [...this.stored]
      .filter(([step]) => /^[\x20-\x7e]*$/.test(step))
      .map(([step, { type, failed, contentType, body }]) => {
        const usual = failed ? PROBLEM_TYPE : "application/json";
        const quoted = (text: string) => `"${text.replace(/["\\]/g, "\\$&")}"`;
        const parameters = `${contentType === usual ? "" : `;ct=${quoted(contentType)}`}${type === "run" ? "" : `;t=${type}`}`;
        return `${quoted(step)};${failed ? "err" : "ok"}=:${toBase64(body)}:${parameters}`;
      })
      .join(", ");
  }
}

function failureOf(type: string, problem: string, title: string): Kept {
  const body = new TextEncoder().encode(JSON.stringify({ type: `/_durable/problems/${problem}`, title }));
  return { type, failed: true, contentType: PROBLEM_TYPE, body };
}

export interface TestRunOptions extends DurableOptions {
  /** How often a step is tried that says nothing else. The default is 3. */
  maxAttempts?: number | undefined;
}

/** What a gateway would be told at the end of an attempt. */
export type AttemptResult<T> =
  | { readonly state: "completed"; readonly value: T }
  | { readonly state: "suspended" }
  /** For good, where `retry` is false. */
  | { readonly state: "failed"; readonly retry: boolean; readonly problem: Record<string, unknown> };

/**
 * A run without a gateway, for unit tests of a handler: its attempts are made in memory, and the outcomes of steps are kept from one to the
 * next. What steps wait for is said by the test. Bodies are executed once, results are written and read, failed tries are made again: a
 * handler that depends on something outside of its steps shows it here.
 *
 * @example
 * const run = new TestRun();
 * run.complete("paid", { orderId: "o-1", amount: 9 });
 *
 * const result = await run.run((step) => checkOut("o-1", payments, step));
 *
 * assert.deepEqual(run.steps, ["charge", "paid", "label"]);
 */
export class TestRun {
  readonly #gateway: TestGateway;
  readonly #options: TestRunOptions;
  #attempts = 0;

  constructor(options: TestRunOptions = {}) {
    this.#options = { suspendAfter: 50, errorDetails: true, logger: false, ...options };
    this.#gateway = new TestGateway(options.maxAttempts ?? 3);
  }

  /** How many attempts have begun. */
  get attempts(): number {
    return this.#attempts;
  }

  /** The ids of the steps that have an outcome, oldest first. */
  get steps(): string[] {
    return [...this.#gateway.stored.keys()];
  }

  /** The ids of the steps that sleep, wait, or are tried again. */
  get pending(): string[] {
    return [...this.#gateway.pending.keys()];
  }

  /** The types of the events that were sent, oldest first. */
  get sentEvents(): string[] {
    return [...this.#gateway.events];
  }

  /** What is stored of a step, as it reads from JSON: for steps around models, `result` and `attributes`. */
  stored(step: string): unknown {
    const kept = this.#gateway.stored.get(step);
    return kept && kept.body.length > 0 ? JSON.parse(new TextDecoder().decode(kept.body)) : undefined;
  }

  /**
   * Says what a step gets that waits for an event, a callback or another route; or that a sleep is over. Bytes as they are, anything else
   * as JSON.
   */
  complete(step: string, data?: unknown): void {
    const bytes = data instanceof Uint8Array ? fromBase64(toBase64(data)) : undefined;
    const body = bytes ?? (data === undefined ? new Uint8Array() : new TextEncoder().encode(JSON.stringify(data)));
    this.#gateway.scripted.set(step, { failed: false, contentType: bytes ? "application/octet-stream" : "application/json", body });
  }

  /** Lets the time of a step be over that waits for an event or a callback. */
  timeOut(step: string): void {
    this.#gateway.scripted.set(step, failureOf("", "step-timeout", "The step timed out"));
  }

  /**
   * Executes the handler as the next attempt. An error of the handler that is not a final failure is thrown here: the gateway would try
   * again.
   */
  async attempt<T>(handler: (step: Step) => T | PromiseLike<T>, { final = false } = {}): Promise<AttemptResult<T>> {
    const headers: Record<string, string> = {
      "durable-protocol": "1",
      "durable-run-id": RUN_ID,
      "durable-attempt": String(++this.#attempts),
      "durable-callback": RUN_URL,
      "durable-token": "test",
      "durable-step-count": String(this.#gateway.stored.size),
    };
    if (final) headers["durable-final-attempt"] = "?1";
    const settings = settle({ ...this.#options, fetch: this.#options.fetch ?? this.#gateway.fetch });
    const ending = await Attempt.begin((name) => headers[name], settings).run(handler);
    switch (ending.kind) {
      case "returned":
        return { state: "completed", value: ending.value };
      case "threw":
        throw ending.error;
      case "overruled":
        if (ending.verdict.status === 202) return { state: "suspended" };
        return { state: "failed", retry: ending.verdict.headers["durable-retry"] !== "?0", problem: ending.verdict.problem ?? {} };
    }
  }

  /**
   * Executes the handler from attempt to attempt until it ends, and gives what it returned. Sleeps are over at once, and delays before
   * retries are left out. What fails the run finally is thrown, after the compensations.
   */
  async run<T>(handler: (step: Step) => T | PromiseLike<T>): Promise<T> {
    for (let round = 0; round < MAX_ROUNDS; round++) {
      let failure: { error: unknown } | undefined;
      const result = await this.attempt(async (step) => {
        try {
          return await handler(step);
        } catch (error) {
          failure = { error };
          throw error;
        }
      });
      if (result.state === "completed") return result.value;
      if (result.state === "failed") {
        if (failure) throw failure.error;
        throw new Error(`The run failed: ${JSON.stringify(result.problem)}`);
      }
      const pending = [...this.#gateway.pending];
      for (const [step, type] of pending) if (type === "sleep") this.complete(step);
      if (pending.some(([, type]) => type === "sleep" || type === "run") || this.#gateway.canGoOn) continue;
      throw new Error(
        `The handler waits for ${this.pending.map((step) => `'${step}'`).join(", ")}. ` +
          "Complete the step with complete(), time it out with timeOut(), or execute single attempts with attempt().",
      );
    }
    throw new Error(`The handler has not ended after ${MAX_ROUNDS} attempts.`);
  }
}
