import type { StepActivity } from "./activity.js";
import { type Ai, encodeModelCall } from "./ai.js";
import {
  decodePayload,
  decodeResult,
  type Encoded,
  encodePayload,
  encodeResponse,
  encodeResult,
  type Form,
  JSON_TYPE,
  parseJson,
} from "./content.js";
import { currentContext, enterContext, inContext } from "./context.js";
import { type Duration, instant, milliseconds, seconds } from "./duration.js";
import {
  AttemptOverError,
  CheckpointError,
  isOfSteps,
  NonRetriableError,
  retryAfterOf,
  StepError,
  StepUsageError,
  statesFailure,
} from "./errors.js";
import { type Outcome, targetField, textField } from "./fields.js";
import { Flow } from "./flow.js";
import { type Answer, type GatewayClient, refused, type StepWrite } from "./gateway.js";
import { callbackOf, handOutOf, ROLLBACK_BEGUN, StepNames, tooLate } from "./names.js";
import { checked, localDelay, type Retries, type Settings, type StepOptions } from "./options.js";
import { isBeyondRunTimeout, isStepTimeout, PROBLEM_TYPE, type Problem, parseProblem, problemOf, shortened } from "./problem.js";
import { Rollback, type Undoing } from "./rollback.js";
import { anySignal, delay, nextTurn } from "./signals.js";
import type {
  FetchInput,
  InvokeOptions,
  Payload,
  RunInfo,
  SentEvent,
  SignalOptions,
  Step,
  StepContext,
  WaitForCallbackOptions,
  WaitForEventOptions,
} from "./step.js";
import type { StoredSteps } from "./stored.js";
import { abandoned, failed, isSuspended, SUSPENDED, type Verdict } from "./verdict.js";

const SMALL_PROBLEM_BYTES = 1024;

type StepType = "run" | "sleep" | "wait" | "callback" | "invoke";

/** On whose behalf a step begins, and so what keeps it from beginning. */
type Role = "handler" | "hand-out" | "compensation";

/** An outcome belongs to a later attempt. Inside of the SDK only. */
class StepPending extends Error {}

type Body = (context: StepContext) => unknown;
type Encode = (result: unknown) => Encoded | Promise<Encoded>;
type Decode = (outcome: Outcome) => unknown;

const NOTHING: Encoded = { body: new Uint8Array(), contentType: JSON_TYPE };

/** The steps of one attempt: how each is begun, executed, stored, and what the gateway's answers make of it. */
export class StepRunner implements Undoing {
  readonly step: Step;
  readonly rollback: Rollback;
  readonly #names: StepNames;
  readonly #over = new AbortController();
  #override: Verdict | undefined;
  #handlerEnded = false;

  /**
   * @param gateway Where outcomes are stored; absent where there is none.
   * @param aborted Aborted when the request is.
   * @param isLast Whether the run fails with this attempt.
   * @param handlerOver Aborted also when the attempt is suspended.
   */
  constructor(
    readonly info: RunInfo,
    private readonly gateway: GatewayClient | undefined,
    private readonly stored: StoredSteps,
    private readonly activity: StepActivity,
    private readonly settings: Settings,
    isLast: boolean,
    handlerOver: AbortSignal,
  ) {
    this.#names = new StepNames(activity, () => this.#nextFlow());
    this.rollback = new Rollback(this, stored, activity, settings, gateway !== undefined, isLast);
    this.step = this.#steps(handlerOver);
  }

  /** Aborted when what the attempt does is discarded. */
  get over(): AbortSignal {
    return this.#over.signal;
  }

  get names(): StepNames {
    return this.#names;
  }

  /** What must be answered, whatever the handler makes of it. */
  get override(): Verdict | undefined {
    return this.#override ?? (this.activity.isSuspended ? SUSPENDED : undefined);
  }

  endAttempt(why: string): void {
    this.#over.abort(new AttemptOverError("abandoned", why));
  }

  handlerHasEnded(): void {
    this.#handlerEnded = true;
  }

  #steps(signal: AbortSignal): Step {
    const ai: Ai = {
      wrap: (step, call, ...args) =>
        this.#attempt(() => {
          const options = typeof step === "string" ? undefined : step;
          const encode = (result: unknown) => encodeModelCall(options?.name ?? String(step), result, args, this.settings.prices);
          return this.#run(typeof step === "string" ? step : step.name, () => call(...args), checked(options), encode);
        }),
    };
    return {
      info: this.info,
      signal,
      ai,
      run: (name, body, options) =>
        this.#attempt(() => {
          requireFunction(body, "The body of a step");
          return this.#run(name, body as Body, checked(options));
        }),
      sleep: (name, duration, options) => this.#attempt(() => this.#sleep(name, duration, options)),
      sleepUntil: (name, time, options) => this.#attempt(() => this.#sleepUntil(name, time, options)),
      waitForEvent: (name, type, options) => this.#attempt(() => this.#waitForEvent(name, type, options)),
      waitForCallback: (name, handOut, options) => this.#attempt(() => this.#waitForCallback(name, handOut, options)),
      sendEvent: (name, event, options) => this.#attempt(() => this.#sendEvent(name, event, options)),
      invoke: (name, path, options) => this.#attempt(() => this.#invoke(name, path, options)),
      fetch: (name, input, init, options) => this.#attempt(() => this.#fetch(name, input, init, options)),
      onRollback: (name, compensation, options) => {
        requireFunction(compensation, "A compensation");
        this.rollback.register(name, compensation, options, this.#inside());
      },
    };
  }

  // ── The kinds of steps
  // ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

  #run(name: string, body: Body, how: Retries, encode?: Encode): Promise<unknown> {
    return this.#begin(name, "run", how.signal, {
      decode: (id) => (outcome) => decodeResult(id, outcome),
      begin: (id, decode) => this.#execute(id, body, encode ?? ((result) => encodeResult(id, result)), decode, how),
    });
  }

  #fetch(name: string, input: FetchInput, init: RequestInit | undefined, options: StepOptions | undefined): Promise<unknown> {
    const how = checked(options);
    const send = async (context: StepContext) => {
      if (typeof input === "function") return encodeResponse(name, await input(context), Date.now);
      const either = anySignal([context.signal, init?.signal ?? (input instanceof Request ? input.signal : undefined)]);
      try {
        // A request with a body can be sent once; without a gateway, tries are repeated here.
        const response = await globalThis.fetch(input instanceof Request ? input.clone() : input, { ...init, signal: either.signal });
        return await encodeResponse(name, response, Date.now);
      } finally {
        either.release();
      }
    };
    return this.#run(name, send, how, (encoded) => encoded as Encoded);
  }

  #sleep(name: string, duration: Duration, options: SignalOptions = {}): Promise<unknown> {
    const ms = milliseconds(duration, "The time of a sleep");
    return this.#sleepWith(name, { "durable-step-for": seconds(ms) }, () => ms, options);
  }

  #sleepUntil(name: string, time: Date | number | string, options: SignalOptions = {}): Promise<unknown> {
    const until = instant(time, "The end of a sleep");
    return this.#sleepWith(name, { "durable-step-until": new Date(until).toISOString() }, () => until - Date.now(), options);
  }

  #sleepWith(name: string, headers: StepWrite["headers"], left: () => number, { signal }: SignalOptions): Promise<unknown> {
    return this.#begin(name, "sleep", signal, {
      decode: () => () => undefined,
      begin: async (id, decode) => {
        if (this.gateway) return this.#ask(id, "", { headers: { "durable-step-type": "sleep", ...headers } }, decode);
        const either = anySignal([this.over, signal]);
        await delay(Math.max(0, left()), either.signal).finally(either.release);
      },
    });
  }

  async #waitForEvent<T, F extends Form>(name: string, type: string, options: WaitForEventOptions<F> = {}): Promise<Payload<T, F> | null> {
    if (typeof type !== "string" || type.trim() === "") throw new TypeError("A wait must have an event type: the type of the CloudEvent.");
    if (options.key === "") throw new TypeError("The key must not be empty. Omit it to accept the next event of the type with any key.");
    const headers = {
      "durable-step-type": "wait",
      "durable-event-type": textField(type),
      "durable-event-key": options.key === undefined ? undefined : textField(options.key),
      "durable-step-timeout": span(options.timeout, "timeout"),
      "durable-event-lookback": span(options.lookback, "lookback"),
    };
    try {
      return (await this.#begin(name, "wait", options.signal, {
        decode: (id) => (outcome) => decodePayload(id, outcome, options.as),
        begin: (id, decode) => this.#ask(id, "waits for an event, which needs a gateway", { headers }, decode),
      })) as Payload<T, F> | null;
    } catch (error) {
      if (error instanceof StepError && isStepTimeout(error.problem)) return null;
      throw error;
    }
  }

  #waitForCallback<F extends Form>(
    name: string,
    handOut: (url: string, context: StepContext) => unknown,
    options: WaitForCallbackOptions<F> = {},
  ): Promise<unknown> {
    requireFunction(handOut, "The function that sends the URL to the third party");
    const headers = { "durable-step-type": "callback", "durable-step-timeout": span(options.timeout, "timeout") };
    return this.#begin(name, "callback", options.signal, {
      decode: (id) => (outcome) => decodePayload(id, outcome, options.as),
      begin: async (id, decode) => {
        const answer = await this.#requireGateway(id, "waits for a callback, which needs a gateway").put(id, { headers });
        if (answer.status === 202) await this.#handOut(id, answer, handOut, options.signal);
        return this.#actOn(id, answer, decode);
      },
    });
  }

  /** Executes the hand-out as a step of its own, before the step that it belongs to is parked. */
  async #handOut(
    callback: string,
    answer: Answer,
    handOut: (url: string, context: StepContext) => unknown,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const url = answer.headers.get("durable-callback-url");
    if (!url) {
      throw new CheckpointError(
        `Step '${callback}': the gateway returned no URL for the callback (Durable-Callback-Url). ` +
          "Check whether the gateway knows its public address.",
      );
    }
    const id = this.#names.enterHandOut(callback);
    const decode: Decode = () => undefined;
    const body: Body = async (context) => {
      await handOut(url, context);
    };
    await this.#beginAs(id, "run", "hand-out", signal, decode, () => this.#execute(id, body, () => NOTHING, decode, checked({ signal })));
  }

  #invoke<F extends Form>(name: string, path: string, options: InvokeOptions<F> = {}): Promise<unknown> {
    if (typeof path !== "string" || !/^\/(?!\/)[^#]*$/.test(path)) {
      throw new TypeError(`'${String(path)}' is not the path of a route. Give the part after the host, such as '/invoices?dry=1'.`);
    }
    return this.#begin(name, "invoke", options.signal, {
      decode: (id) => (outcome) => decodePayload(id, outcome, options.as),
      begin: (id, decode) => {
        const write: StepWrite = {
          headers: {
            "durable-step-type": "invoke",
            "durable-invoke-path": targetField(path),
            "durable-invoke-method": options.method ?? "POST",
          },
          ...(options.body === undefined ? {} : encodePayload(id, options.body)),
        };
        return this.#ask(id, "calls another route, which needs a gateway", write, decode);
      },
    });
  }

  #sendEvent(name: string, event: SentEvent, options: StepOptions | undefined): Promise<unknown> {
    const { type, key, data } = event;
    if (typeof type !== "string" || type.trim() === "") {
      throw new TypeError("An event must have a type. Steps that wait for the event name it.");
    }
    if (key === "") throw new TypeError("The key must not be empty. Omit it for an event without a key.");
    const how = checked(options);
    return this.#begin(name, "run", how.signal, {
      decode: (id) => (outcome) => decodeResult(id, outcome),
      begin: (id, decode) =>
        this.#execute(
          id,
          ({ signal }) => this.#postEvent(id, { type, key, data }, signal),
          (woken) => encodeResult(id, woken),
          decode,
          how,
        ),
    });
  }

  async #postEvent(id: string, { type, key, data }: SentEvent, signal: AbortSignal): Promise<number> {
    const gateway = this.#requireGateway(id, "sends an event, which needs a gateway");
    const { body, contentType } = encodePayload(id, data);
    const cloudEvent: Record<string, unknown> = {
      specversion: "1.0",
      // A repetition is known by it.
      id: `${this.info.id}/${id}`,
      source: `/_durable/v1/runs/${this.info.id}`,
      type,
      subject: key,
    };
    if (body.length > 0) {
      cloudEvent.datacontenttype = contentType;
      if (contentType === JSON_TYPE) cloudEvent.data = parseJson(body);
      else cloudEvent.data_base64 = btoa(Array.from(body, (byte) => String.fromCharCode(byte)).join(""));
    }
    const answer = await gateway.postEvent(new TextEncoder().encode(JSON.stringify(cloudEvent)), signal);
    switch (answer.status) {
      case 200:
      case 202:
        return wokenOf(answer.body);
      case 409:
      case 410:
        throw this.#abandon(id, answer);
      case 400:
      case 413:
      case 415:
      case 422:
        throw new NonRetriableError(refused(`The event '${type}'`, answer).message);
      default:
        throw refused(`The event '${type}' of step '${id}'`, answer);
    }
  }

  // ── Undoing
  // ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Executes a compensation as a step. @throws StepError It has failed finally. */
  compensate(id: string, compensation: Body, how: Retries): Promise<unknown> {
    this.#names.enterReserved(id);
    const decode: Decode = () => undefined;
    const body: Body = async (context) => {
      await compensation(context);
    };
    return this.#beginAs(id, "run", "compensation", undefined, decode, () => this.#execute(id, body, () => NOTHING, decode, how));
  }

  /** Stores a final failure that is no body's. @throws StepError The one that is stored. */
  storeFailure(id: string, problem: Problem): Promise<unknown> {
    return this.#storeFailure(id, problem, 0, checked(), { noRetry: true }, undefined, () => undefined);
  }

  // ── Beginning a step
  // ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Errors of arguments reject, as all others do. A step that nobody awaits must not end the process. */
  // biome-ignore lint/suspicious/noExplicitAny: what a step gives is said by the signature of its method.
  #attempt(begin: () => Promise<unknown>): Promise<any> {
    let step: Promise<unknown>;
    try {
      step = begin();
    } catch (error) {
      step = Promise.reject(error);
    }
    step.catch(() => {});
    return step;
  }

  /** What all kinds of steps have in common: a name of their own, and a stored outcome that is used where there is one. */
  #begin(
    name: string,
    type: StepType,
    signal: AbortSignal | undefined,
    how: { decode: (id: string) => Decode; begin: (id: string, decode: Decode) => Promise<unknown> },
  ): Promise<unknown> {
    const inside = this.#inside();
    if (inside !== undefined) {
      throw new StepUsageError(
        `Step '${name}' starts inside step '${inside}'. Steps do not nest, because the stored outcome of the outer step would hide ` +
          "the inner step. Start one step after the other, and pass results along.",
      );
    }
    const id = this.#names.enter(name);
    const decode = how.decode(id);
    const step = this.#beginAs(id, type, "handler", signal, decode, () => how.begin(id, decode));
    const wentOn = () => void nextTurn().then(() => this.activity.wentOn(id));
    step.then(wentOn, wentOn);
    return step;
  }

  async #beginAs(
    id: string,
    type: StepType,
    role: Role,
    signal: AbortSignal | undefined,
    decode: Decode,
    begin: () => Promise<unknown>,
  ): Promise<unknown> {
    try {
      this.over.throwIfAborted();
      signal?.throwIfAborted();
      // A handler that was told once that its callback cannot be handed out is told so always, even if it is called after all.
      if (type === "callback") {
        const unsent = await this.stored.find(handOutOf(id), "run");
        if (unsent?.failed) return this.#use(handOutOf(id), unsent, decode);
      }
      const outcome = await this.stored.find(id, type);
      if (outcome) {
        this.settings.logger.debug?.(this.line(`Step '${id}' already has its outcome`));
        return this.#use(id, outcome, decode);
      }
      this.#throwIfEnding(id, role);
      return await begin();
    } catch (error) {
      if (error instanceof StepPending) {
        if (role === "compensation") {
          this.#overrule(SUSPENDED);
          throw new AttemptOverError("suspended", `Step '${id}' continues in a later attempt.`);
        }
        // The other branches continue. This one waits as long as they do.
        this.settings.logger.debug?.(this.line(`Step '${id}' continues in a later attempt`));
        return await this.activity.park(id, role === "hand-out" ? callbackOf(id) : undefined, signal);
      }
      // Its effect may not be stored, so nothing that the handler makes of it may count as the run's result.
      if (error instanceof CheckpointError) this.fail(error);
      throw error;
    } finally {
      this.#names.leave(id, role === "handler");
    }
  }

  /** What has an outcome is returned still; nothing new begins in an attempt whose end is decided. */
  #throwIfEnding(id: string, role: Role): void {
    if (this.#handlerEnded && role === "handler") throw tooLate(id);
    const verdict = this.override;
    // A suspended attempt may have failed finally all the same: what it has done is undone.
    if (verdict && !(isSuspended(verdict) && role === "compensation")) {
      this.activity.refuse();
      if (isSuspended(verdict)) throw new AttemptOverError("suspended", `Step '${id}' continues in a later attempt.`);
      if (verdict.status === 503) throw new AttemptOverError("abandoned", `Step '${id}' does not start: the attempt is over.`);
      throw new CheckpointError(`Step '${id}' does not start: an earlier checkpoint of this attempt failed.`);
    }
    // What comes up to here has no outcome, and all of them are known by now.
    const cause = role === "compensation" ? undefined : this.stored.peek(ROLLBACK_BEGUN);
    if (cause) throw new StepError(ROLLBACK_BEGUN, parseProblem(cause.body));
  }

  #inside(): string | undefined {
    const context = currentContext();
    return context?.step === this.step ? context.inside : undefined;
  }

  #nextFlow(): Flow | undefined {
    const context = currentContext();
    if (context?.step !== this.step) return undefined;
    const flow = new Flow(context.flow);
    return enterContext({ ...context, flow }) ? flow : undefined;
  }

  // ── Executing a body
  // ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

  async #execute(id: string, body: Body, encode: Encode, decode: Decode, how: Retries): Promise<unknown> {
    if (how.atMostOnce && this.gateway) {
      const begun = await this.gateway.put(id, { headers: { "durable-step-type": "run", "durable-step-outcome": "started" } });
      if (begun.status !== 201) return this.#actOn(id, begun, decode);
    }
    // Behind a gateway a try that may be repeated ends in a suspension; without one it is repeated here.
    const localTries = this.gateway || how.atMostOnce ? 1 : (how.maxAttempts ?? 1);
    for (let tries = 1; tries < localTries; tries++) {
      try {
        return await this.#try(id, body, encode, decode, how);
      } catch (error) {
        if (!(error instanceof StepError) || error.cause instanceof NonRetriableError) throw error;
        const either = anySignal([this.over, how.signal]);
        await delay(localDelay(how, tries, retryAfterOf(error.cause)), either.signal).finally(either.release);
      }
    }
    return this.#try(id, body, encode, decode, how);
  }

  async #try(id: string, body: Body, encode: Encode, decode: Decode, how: Retries): Promise<unknown> {
    const cancelled = () => this.over.aborted || how.signal?.aborted === true;
    const either = anySignal([this.over, how.signal], how.timeout);
    const began = performance.now();
    const elapsed = () => performance.now() - began;
    this.settings.logger.debug?.(this.line(`Step '${id}' is executing`));
    let encoded: Encoded;
    try {
      const context: StepContext = { signal: either.signal, idempotencyKey: `${this.info.id ?? this.#localId}/${id}` };
      const result = await inContext({ step: this.step, inside: id }, () => body(context));
      encoded = await encode(result);
    } catch (error) {
      // A body that is cancelled may throw anything: libraries have errors of their own for it. So the type does not tell, except where an
      // error states a failure.
      if (isOfSteps(error) || !(statesFailure(error) || !cancelled())) throw error;
      const late = either.timedOut() && isAbort(error, either.signal);
      const failure = late ? timeoutError(how.timeout as number, error) : error;
      return this.#fail(id, failure, elapsed(), how, decode);
    } finally {
      either.release();
    }
    return this.#complete(id, encoded, elapsed(), how, decode);
  }

  /** Stands for the run's id where there is none. */
  readonly #localId = crypto.randomUUID();

  // ── Outcomes
  // ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

  async #complete(id: string, encoded: Encoded, ms: number, how: Retries, decode: Decode): Promise<unknown> {
    const completed = () => {
      this.settings.logger.debug?.(this.line(`Step '${id}' completed after ${ms.toFixed(0)} ms`));
      return this.#use(id, { failed: false, ...encoded, type: "run" }, decode);
    };
    if (!this.gateway) return completed();
    const answer = await this.gateway.put(id, { headers: { "durable-step-duration": seconds(ms) }, ...encoded });
    if (answer.status === 201) return completed();
    if (answer.status !== 413) return this.#actOn(id, answer, decode);
    const problem: Problem = {
      title: "The step's result is too large",
      detail: `The result has ${encoded.body.length} bytes, more than the route's policy allows (MaxStepBytes).`,
    };
    return this.#storeFailure(id, problem, ms, how, { noRetry: true }, undefined, decode);
  }

  #fail(id: string, error: unknown, ms: number, how: Retries, decode: Decode): Promise<unknown> {
    const noRetry = error instanceof NonRetriableError || how.atMostOnce;
    const problem = problemOf(error, this.settings.stackTraces);
    return this.#storeFailure(id, problem, ms, how, { noRetry, retryAfter: noRetry ? undefined : retryAfterOf(error) }, error, decode);
  }

  async #storeFailure(
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
        if (body.length > SMALL_PROBLEM_BYTES) return this.#storeFailure(id, shortened(problem), ms, how, { noRetry: true }, cause, decode);
    }
    return this.#actOn(id, answer, decode);
  }

  /** Begins a step that the gateway completes, and gives its outcome where it has one already. */
  async #ask(id: string, what: string, write: StepWrite, decode: Decode): Promise<unknown> {
    return this.#actOn(id, await this.#requireGateway(id, what).put(id, write), decode);
  }

  /** Every answer but the plain `201`. */
  #actOn(id: string, answer: Answer, decode: Decode): unknown {
    switch (answer.status) {
      case 200: {
        const contentType = answer.headers.get("content-type") ?? JSON_TYPE;
        return this.#use(id, { failed: answer.headers.get("durable-step-outcome") === "failed", contentType, body: answer.body }, decode);
      }
      case 202:
        throw new StepPending();
      case 409:
      case 410:
        throw this.#abandon(id, answer);
      case 422: {
        const problem = parseProblem(answer.body);
        if (isBeyondRunTimeout(problem)) throw new StepError(id, problem);
      }
    }
    throw refused(`Step '${id}'`, answer);
  }

  #use(id: string, outcome: Outcome, decode: Decode): unknown {
    if (outcome.failed) throw new StepError(id, parseProblem(outcome.body));
    return decode(outcome);
  }

  #abandon(id: string, answer: Answer): AttemptOverError {
    const { message } = refused(`Step '${id}'`, answer);
    this.settings.logger.debug?.(this.line(`The attempt is abandoned. ${message}`));
    this.#overrule(abandoned(message, this.settings.errorDetails));
    this.endAttempt(message);
    return new AttemptOverError("abandoned", message);
  }

  fail(error: CheckpointError): void {
    if (!this.override || isSuspended(this.override)) {
      this.settings.logger.warn(this.line(`The attempt has failed. The gateway starts another. ${error.message}`));
    }
    this.#overrule(failed(error, this.settings.errorDetails));
  }

  /** The worst that was seen decides: abandoned is final, and a failed checkpoint outweighs a step that waits. */
  #overrule(verdict: Verdict): void {
    if (!this.#override || this.#override.status < verdict.status) this.#override = verdict;
    if (!isSuspended(verdict)) this.activity.release();
  }

  #requireGateway(id: string, what: string): GatewayClient {
    if (this.gateway) return this.gateway;
    throw new StepUsageError(
      `Step '${id}' ${what}, but this request did not come through one. Call the service through the gateway, by a durable route. ` +
        "In a unit test, use TestRun of @durable-gateway/client/testing.",
    );
  }

  line(what: string): string {
    return this.info.isDurable ? `${what} (attempt ${this.info.attempt} of run ${this.info.id})` : what;
  }
}

function requireFunction(value: unknown, what: string): void {
  if (typeof value !== "function") throw new TypeError(`${what} must be a function.`);
}

const span = (duration: Duration | undefined, what: string) => (duration === undefined ? undefined : seconds(milliseconds(duration, what)));

/** The event was taken; that nobody knows how many waited for it changes nothing. */
function wokenOf(body: Uint8Array): number {
  try {
    const { woken } = parseJson(body) as { woken?: unknown };
    return typeof woken === "number" && Number.isInteger(woken) ? woken : 0;
  } catch {
    return 0;
  }
}

function isAbort(error: unknown, signal: AbortSignal): boolean {
  return error === signal.reason || (error instanceof Error && (error.name === "AbortError" || error.name === "TimeoutError"));
}

function timeoutError(ms: number, cause: unknown): Error {
  const error = new Error(`The step did not finish within its timeout of ${seconds(ms)} s.`, { cause });
  error.name = "TimeoutError";
  return error;
}
