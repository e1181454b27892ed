import { type Duration, milliseconds } from "./duration.js";
import { retryField } from "./fields.js";

/** Where the SDK writes what operators of the service should see. `console` is one. */
export interface Logger {
  debug?(message: string): void;
  warn(message: string): void;
  error(message: string): void;
}

/** How steps are kept. */
export interface DurableOptions {
  /**
   * Which build of the service this is. The gateway is told with every answer and every step. The default is the environment variable
   * `DURABLE_BUILD`, where the runtime has one.
   */
  build?: string | undefined;

  /**
   * How long an attempt continues in which a step is parked (it sleeps, waits, or is tried again later) and no other is executing. When no
   * step has begun in that time, the handler cannot continue, and the attempt is suspended. The default is `"500ms"`. What a branch does
   * between two of its steps for longer than this, while another branch waits, is cut off and done again by the next attempt: put it into a
   * step.
   */
  suspendAfter?: Duration | undefined;

  /** Whether the stack of a step's failure is stored with it, for operators to see. The default is `true`. */
  stackTraces?: boolean | undefined;

  /**
   * Whether the problem that a client gets of a failed run tells the type and message of the error. For development: a message may hold
   * what no client should see. The default is whether `NODE_ENV` is `development`.
   */
  errorDetails?: boolean | undefined;

  /** Sends the calls to the gateway, for certificates and proxies of your own. The default is the global `fetch`. */
  fetch?: typeof globalThis.fetch | undefined;

  /**
   * Failed tries are warnings, misuse is an error, and `debug` shows each step. The default is `console` without `debug`; `false`: nothing.
   */
  logger?: Logger | false | undefined;

  /** What models cost, in any currency, for each million tokens: by the model's name, or how it begins. */
  prices?: Readonly<Record<string, ModelPrice>> | undefined;
}

export interface ModelPrice {
  input: number;
  output: number;
}

/** How one step is tried. What is not set is as the route's policy says; the gateway keeps to it. Without a gateway the handler does. */
export interface StepOptions {
  /** How often the step is tried in all: 1 is no retry. Without a gateway the default is 1. */
  maxAttempts?: number | undefined;

  /** The delay before the second try. */
  retryDelay?: Duration | undefined;

  /** The longest delay before a try. A `Retry-After` of the failure may be longer. */
  maxRetryDelay?: Duration | undefined;

  /** How the delay grows from try to try. */
  backoff?: "exponential" | "linear" | "constant" | undefined;

  /**
   * How long one try may take. Then the signal of the body is aborted, and a body that gives in to it counts as a failed try. One that
   * ignores its signal is waited for.
   */
  timeout?: Duration | undefined;

  /**
   * Whether the body is never executed twice: for effects that cannot be made idempotent. If nobody can tell how it ended (a crash, a lost
   * connection), the step has failed with the problem `step-interrupted`; an error of the body is final at once.
   */
  atMostOnce?: boolean | undefined;

  /** Gives the step up: its body's signal is aborted, and what the body then throws is no failure of the step. */
  signal?: AbortSignal | undefined;
}

/** Options that have been checked. */
export interface Retries {
  readonly maxAttempts?: number | undefined;
  readonly delay?: number | undefined;
  readonly maxDelay?: number | undefined;
  readonly backoff?: StepOptions["backoff"];
  readonly timeout?: number | undefined;
  readonly atMostOnce: boolean;
  readonly signal?: AbortSignal | undefined;
  /** `Durable-Step-Retry`. */
  readonly header?: string | undefined;
}

/** @throws RangeError An option is out of its range. */
export function checked(options: StepOptions = {}): Retries {
  const { maxAttempts, backoff } = options;
  if (maxAttempts !== undefined && !(Number.isSafeInteger(maxAttempts) && maxAttempts >= 1)) {
    throw new RangeError(`maxAttempts must be a whole number, 1 or more, and not ${maxAttempts}.`);
  }
  if (backoff !== undefined && !["exponential", "linear", "constant"].includes(backoff)) {
    throw new RangeError(`backoff must be exponential, linear or constant, and not '${backoff}'.`);
  }
  const delay = options.retryDelay === undefined ? undefined : milliseconds(options.retryDelay, "retryDelay");
  const maxDelay = options.maxRetryDelay === undefined ? undefined : milliseconds(options.maxRetryDelay, "maxRetryDelay");
  const timeout = options.timeout === undefined ? undefined : milliseconds(options.timeout, "timeout");
  if (timeout === 0) throw new RangeError("The timeout of a step must be more than zero. Omit it for no timeout.");
  return {
    maxAttempts,
    delay,
    maxDelay,
    backoff,
    timeout,
    atMostOnce: options.atMostOnce === true,
    signal: options.signal,
    header: retryField({ maxAttempts, delay, maxDelay, backoff }),
  };
}

/** The delay after a failed try without a gateway. */
export function localDelay(how: Retries, tries: number, atLeast: number | undefined): number {
  const first = how.delay ?? 1000;
  const grown = how.backoff === "constant" ? first : how.backoff === "linear" ? first * tries : first * 2 ** Math.min(tries - 1, 30);
  return Math.max(Math.min(grown, how.maxDelay ?? 60_000), atLeast ?? 0);
}

/** Options of the attempt, with their defaults. */
export interface Settings {
  readonly build: string | undefined;
  readonly suspendAfter: number;
  readonly stackTraces: boolean;
  readonly errorDetails: boolean;
  readonly fetch: typeof globalThis.fetch;
  readonly logger: Logger;
  readonly prices: Readonly<Record<string, ModelPrice>>;
}

const SILENT: Logger = { warn() {}, error() {} };
const CONSOLE: Logger = { warn: (message) => console.warn(message), error: (message) => console.error(message) };

export function settle(options: DurableOptions = {}): Settings {
  const suspendAfter = milliseconds(options.suspendAfter ?? 500, "suspendAfter");
  if (suspendAfter === 0) throw new RangeError("suspendAfter must be more than zero.");
  return {
    build: options.build ?? environment("DURABLE_BUILD"),
    suspendAfter,
    stackTraces: options.stackTraces ?? true,
    errorDetails: options.errorDetails ?? environment("NODE_ENV") === "development",
    // Read at each call: tests and tracers replace it.
    fetch: options.fetch ?? ((input, init) => globalThis.fetch(input, init)),
    logger: options.logger === false ? SILENT : (options.logger ?? CONSOLE),
    prices: options.prices ?? {},
  };
}

/** Not every runtime has an environment, and one that has it may not give it away (Deno asks). */
function environment(name: string): string | undefined {
  try {
    const { process } = globalThis as { process?: { env?: Record<string, string | undefined> } };
    return process?.env?.[name] || undefined;
  } catch {
    return undefined;
  }
}
