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
import { currentContext, enterContext } from "./context.js";
import { type Duration, instant, milliseconds, seconds } from "./duration.js";
import { guardedFetch, IN_STEP, withHeaders } from "./egress.js";
import { AttemptOverError, CheckpointError, NonRetriableError, StepError, StepUsageError } from "./errors.js";
import { type Body, type Encode, Execution } from "./execution.js";
import { targetField, textField } from "./fields.js";
import { Flow } from "./flow.js";
import { type Answer, type GatewayClient, refused, type StepWrite } from "./gateway.js";
import { callbackOf, handOutOf, ROLLBACK_BEGUN, StepNames, tooLate } from "./names.js";
import { checked, type Retries, type Settings, type StepOptions } from "./options.js";
import { type Decode, Outcomes, StepPending } from "./outcomes.js";
import { isStepTimeout, type Problem, parseProblem } from "./problem.js";
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
import { isSuspended, SUSPENDED, type Verdict } from "./verdict.js";

type StepType = "run" | "sleep" | "wait" | "callback" | "invoke";

/** On whose behalf a step begins, and so what keeps it from beginning. */
type Role = "handler" | "hand-out" | "compensation";

const NOTHING: Encoded = { body: new Uint8Array(), contentType: JSON_TYPE };

/** The steps of one attempt: what each kind asks for, and how it begins. */
export class StepRunner implements Undoing {
  readonly step: Step;
  readonly rollback: Rollback;
  readonly #names: StepNames;
  readonly #outcomes: Outcomes;
  readonly #execution: Execution;
  #handlerEnded = false;

  /**
   * @param gateway Where outcomes are stored; absent where there is none.
   * @param aborted Aborted when the request is.
   * @param isLast Whether the run fails with this attempt.
   * @param handlerOver Aborted also when the attempt is suspended.
   */
  constructor(
    readonly info: RunInfo,
    gateway: GatewayClient | undefined,
    private readonly stored: StoredSteps,
    private readonly activity: StepActivity,
    private readonly settings: Settings,
    isLast: boolean,
    handlerOver: AbortSignal,
  ) {
    this.#outcomes = new Outcomes(info, gateway, activity, settings);
    this.#execution = new Execution(this.#outcomes, settings, () => this.step);
    this.#names = new StepNames(activity, () => this.#nextFlow());
    this.rollback = new Rollback(this, stored, activity, settings, gateway !== undefined, isLast);
    this.step = this.#steps(handlerOver);
  }

  /** Aborted when what the attempt does is discarded. */
  get over(): AbortSignal {
    return this.#outcomes.over;
  }

  get names(): StepNames {
    return this.#names;
  }

  /** What must be answered, whatever the handler makes of it. */
  get override(): Verdict | undefined {
    return this.#outcomes.override;
  }

  endAttempt(why: string): void {
    this.#outcomes.endAttempt(why);
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
      begin: (id, decode) => this.#execution.execute(id, body, encode ?? ((result) => encodeResult(id, result)), decode, how),
    });
  }

  #fetch(name: string, input: FetchInput, init: RequestInit | undefined, options: StepOptions | undefined): Promise<unknown> {
    const how = checked(options);
    const send = async (context: StepContext) => {
      if (typeof input === "function") return encodeResponse(name, await input(context), Date.now);
      const either = anySignal([context.signal, init?.signal ?? (input instanceof Request ? input.signal : undefined)]);
      try {
        // A request with a body can be sent once; without a gateway, tries are repeated here.
        const marked = this.#outcomes.gateway?.egressToken ? withHeaders(input, init, IN_STEP) : init;
        const response = await guardedFetch(input instanceof Request ? input.clone() : input, { ...marked, signal: either.signal });
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
        if (this.#outcomes.gateway) return this.#outcomes.ask(id, "", { headers: { "durable-step-type": "sleep", ...headers } }, decode);
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
        begin: (id, decode) => this.#outcomes.ask(id, "waits for an event, which needs a gateway", { headers }, decode),
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
        const answer = await this.#outcomes.requireGateway(id, "waits for a callback, which needs a gateway").put(id, { headers });
        if (answer.status === 202) await this.#handOut(id, answer, handOut, options.signal);
        return this.#outcomes.actOn(id, answer, decode);
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
    await this.#beginAs(id, "run", "hand-out", signal, decode, () =>
      this.#execution.execute(id, body, () => NOTHING, decode, checked({ signal })),
    );
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
        return this.#outcomes.ask(id, "calls another route, which needs a gateway", write, decode);
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
        this.#execution.execute(
          id,
          ({ signal }) => this.#postEvent(id, { type, key, data }, signal),
          (woken) => encodeResult(id, woken),
          decode,
          how,
        ),
    });
  }

  async #postEvent(id: string, { type, key, data }: SentEvent, signal: AbortSignal): Promise<number> {
    const gateway = this.#outcomes.requireGateway(id, "sends an event, which needs a gateway");
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
        throw this.#outcomes.abandon(id, answer);
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
    return this.#beginAs(id, "run", "compensation", undefined, decode, () => this.#execution.execute(id, body, () => NOTHING, decode, how));
  }

  /** Stores a final failure that is no body's. @throws StepError The one that is stored. */
  storeFailure(id: string, problem: Problem): Promise<unknown> {
    return this.#outcomes.storeFailure(id, problem, 0, checked(), { noRetry: true }, undefined, () => undefined);
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
        if (unsent?.failed) return this.#outcomes.use(handOutOf(id), unsent, decode);
      }
      const outcome = await this.stored.find(id, type);
      if (outcome) {
        this.settings.logger.debug?.(this.line(`Step '${id}' already has its outcome`));
        return this.#outcomes.use(id, outcome, decode);
      }
      this.#throwIfEnding(id, role);
      return await begin();
    } catch (error) {
      if (error instanceof StepPending) {
        if (role === "compensation") {
          this.#outcomes.overrule(SUSPENDED);
          throw new AttemptOverError("suspended", `Step '${id}' continues in a later attempt.`);
        }
        // The other branches continue. This one waits as long as they do.
        this.settings.logger.debug?.(this.line(`Step '${id}' continues in a later attempt`));
        return await this.activity.park(id, role === "hand-out" ? callbackOf(id) : undefined, signal);
      }
      // Its effect may not be stored, so nothing that the handler makes of it may count as the run's result.
      if (error instanceof CheckpointError) this.#outcomes.fail(error);
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

  fail(error: CheckpointError): void {
    this.#outcomes.fail(error);
  }

  line(what: string): string {
    return this.#outcomes.line(what);
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
