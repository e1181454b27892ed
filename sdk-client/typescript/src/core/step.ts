import type { Ai } from "./ai.js";
import type { Form } from "./content.js";
import type { Duration } from "./duration.js";
import type { Stored } from "./jsonify.js";
import type { StepOptions } from "./options.js";

/** Which run and attempt a request is. */
export interface RunInfo {
  /** The run's id, a UUID in lower case; `undefined` where the request did not come by a durable route. */
  readonly id: string | undefined;
  /** 1 for the first attempt; higher for replays. 0 where the request did not come by a durable route. */
  readonly attempt: number;
  /** Whether the request came by a durable route, so that outcomes are stored. */
  readonly isDurable: boolean;
  /** Whether this is a replay: an attempt after the first. */
  readonly isReplay: boolean;
}

/** What the body of a step is given. */
export interface StepContext {
  /**
   * Aborted when this attempt is over, when the step's `timeout` is, and with the `signal` of its options. Hand it on to `fetch` and the
   * like.
   */
  readonly signal: AbortSignal;
  /**
   * The same in every try of this step of this run, and of no other one: a key for the other side, so that a repetition has no second
   * effect.
   */
  readonly idempotencyKey: string;
}

export interface SignalOptions {
  /** Gives up waiting for the step. */
  signal?: AbortSignal | undefined;
}

export interface PayloadOptions<F extends Form> extends SignalOptions {
  /** How what comes is read. The default is as its content type says: JSON, text, or else bytes. */
  as?: F | undefined;
}

export interface WaitForEventOptions<F extends Form> extends PayloadOptions<F> {
  /** The event's `subject`; absent: any. */
  key?: string | undefined;
  /** How long to wait, from when the step is first begun. Absent: as long as the run may take. */
  timeout?: Duration | undefined;
  /** How old an event may be that was there before the step began. Absent: as old as the run, so that an answer cannot come too early. */
  lookback?: Duration | undefined;
}

export interface WaitForCallbackOptions<F extends Form> extends PayloadOptions<F> {
  /** How long to wait, from when the step is first begun. Absent: as long as the run may take. */
  timeout?: Duration | undefined;
}

export interface InvokeOptions<F extends Form> extends PayloadOptions<F> {
  /** The default is `POST`. */
  method?: string | undefined;
  /** Written as JSON, but bytes as they are; absent: none. */
  body?: unknown;
}

/** What `fetch` takes, or a function that sends the request in a way of its own. */
export type FetchInput = string | URL | Request | ((context: StepContext) => Response | PromiseLike<Response>);

/** A CloudEvent, as far as a step that waits for it can tell. */
export interface SentEvent {
  /** What those who wait for it name. */
  type: string;
  /** Its `subject`; absent: none. */
  key?: string | undefined;
  /** Written as JSON, but bytes as they are; absent: none. */
  data?: unknown;
}

/** What comes in a form that was asked for; `T` is what the developer says of JSON. */
export type Payload<T, F extends Form> = F extends "bytes"
  ? Uint8Array<ArrayBuffer>
  : F extends "stream"
    ? ReadableStream<Uint8Array<ArrayBuffer>>
    : F extends "text"
      ? string
      : T;

/**
 * Durable steps of the request at hand. A step's outcome is stored by the gateway before the handler continues. In a replay,
 * the stored outcome is returned and the step's body is not executed again.
 *
 * A step is known by its name: 1 to 256 bytes of UTF-8. The second use of a name within an attempt is `name#2`, so a loop may use one name.
 * Steps of different names may run at the same time.
 *
 * Every method rejects with a {@link StepError} where the step has failed finally (catch it to compensate), and with a {@link
 * StepUsageError} where it is used incorrectly. {@link AttemptOverError} and {@link CheckpointError} end this attempt; let them pass.
 */
export interface Step {
  /** The run and the attempt that this request is. */
  readonly info: RunInfo;

  /** Aborted when the attempt is over or suspended: what the handler holds outside of steps is of no more use. */
  readonly signal: AbortSignal;

  /**
   * Executes a piece of the handler, once.
   *
   * @returns What the body gave, as its stored form reads: bytes and streams as they are, anything else as JSON keeps it.
   */
  run<T>(name: string, body: (context: StepContext) => T | PromiseLike<T>, options?: StepOptions): Promise<Stored<T>>;

  /** Sleeps. Nothing is held meanwhile: the run is parked, and the handler executed again when the time has come. */
  sleep(name: string, duration: Duration, options?: SignalOptions): Promise<void>;

  /** Sleeps until a time: a Date, milliseconds since 1970, or a string of ISO 8601. One that has passed is no wait at all. */
  sleepUntil(name: string, time: Date | number | string, options?: SignalOptions): Promise<void>;

  /**
   * Waits for an event (a CloudEvent). Nothing is held meanwhile.
   *
   * @returns The event's data; `null` after the time-out, now and in every replay, and where the event has none.
   */
  waitForEvent<T = unknown, F extends Form = "json">(
    name: string,
    type: string,
    options?: WaitForEventOptions<F>,
  ): Promise<Payload<T, F> | null>;

  /**
   * Waits for somebody to `POST` to a URL that the gateway makes for it. Nothing is held meanwhile.
   *
   * @param handOut Gives them the URL. It is executed as a step of its own, named as this one with ` handed out` after it. Who has the URL
   * can complete the step: it is a secret of the two.
   * @returns What was sent; `null` where that was nothing. A time-out is a {@link StepError} with the problem `step-timeout`.
   */
  waitForCallback<T = unknown, F extends Form = "json">(
    name: string,
    handOut: (url: string, context: StepContext) => unknown,
    options?: WaitForCallbackOptions<F>,
  ): Promise<Payload<T, F>>;

  /**
   * Sends an event to whoever waits for it with {@link waitForEvent}, or will. It is taken once, however often it is sent.
   *
   * @returns How many runs were woken by it.
   */
  sendEvent(name: string, event: SentEvent, options?: StepOptions): Promise<number>;

  /**
   * Sends a request to a route of the gateway, as a run of its own, and waits for its result. Nothing is held meanwhile.
   *
   * @param path The path of a durable route, with a query where it has one.
   * @returns The body of the response; `null` where it has none. A status from 400 up is a {@link StepError} with its problem details.
   */
  invoke<T = unknown, F extends Form = "json">(name: string, path: string, options?: InvokeOptions<F>): Promise<Payload<T, F>>;

  /**
   * Sends an HTTP request, once, and keeps the response. The statuses 408, 429, 500, 502, 503 and 504 are failed tries, and their
   * `Retry-After` is kept to; any other status is the handler's affair.
   */
  fetch(name: string, input: FetchInput, init?: RequestInit, options?: StepOptions): Promise<Response>;

  /**
   * Registers what undoes the pieces that have finished so far. When the handler fails finally, all that was registered is executed, the
   * last one first, each as a step of its own.
   */
  onRollback(name: string, compensation: (context: StepContext) => unknown, options?: StepOptions): void;

  /** Steps around calls of models. */
  readonly ai: Ai;
}
