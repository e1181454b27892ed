import { fromBase64, JSON_TYPE, messageOf, parseJson } from "./content.js";
import { CheckpointError } from "./errors.js";
import { type Outcome, percentEncode, stringField } from "./fields.js";
import { parseProblem } from "./problem.js";
import { anySignal, delay } from "./signals.js";

/** An answer of the gateway, taken in whole. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Uint8Array;
}

/** What a call says of a step. */
export interface StepWrite {
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body?: Uint8Array<ArrayBuffer> | undefined;
  readonly contentType?: string | undefined;
}

/** How calls are repeated: see "Calls to the gateway" of the wire contract. Tests have no time for it. */
export interface CallTimes {
  readonly timeout: number;
  readonly delays: readonly number[];
}

export const CALL_TIMES: CallTimes = { timeout: 10_000, delays: [200, 400, 800, 1600] };

/** The calls of a service to the gateway, on behalf of one attempt. */
export class GatewayClient {
  /** The address that answered last: the run is known there. */
  #best = 0;

  /** Tells this execution of the handler from another one of the same attempt, which something on the way has sent twice. */
  readonly #execution = stringField(crypto.randomUUID());
  readonly #build: string | undefined;

  constructor(
    private readonly callbacks: readonly string[],
    private readonly token: string,
    build: string | undefined,
    private readonly fetch: typeof globalThis.fetch,
    private readonly times: CallTimes = CALL_TIMES,
  ) {
    this.#build = build === undefined ? undefined : stringField(build);
  }

  /** `Durable-Build`. */
  get build(): string | undefined {
    return this.#build;
  }

  /**
   * Stores an outcome. Not cancelled with the request: a step that has been executed is worth its checkpoint, which an attempt may write
   * until the next one begins.
   *
   * @throws CheckpointError No address took the call.
   */
  put(step: string, write: StepWrite): Promise<Answer> {
    return this.#send((callback) => `${callback}/steps/${percentEncode(step)}`, "PUT", {
      ...write,
      headers: { ...write.headers, "durable-build": this.#build },
    });
  }

  /** Tells the gateway of an event: a CloudEvent in structured mode. */
  postEvent(cloudEvent: Uint8Array<ArrayBuffer>, signal: AbortSignal): Promise<Answer> {
    return this.#send(eventsOf, "POST", { headers: {}, body: cloudEvent, contentType: "application/cloudevents+json" }, signal);
  }

  /** All stored outcomes of the run. @throws CheckpointError They cannot be read. */
  async getSteps(signal: AbortSignal): Promise<Map<string, Outcome>> {
    const answer = await this.#send((callback) => `${callback}/steps`, "GET", { headers: {} }, signal);
    if (answer.status !== 200) throw refused("The stored steps", answer);
    try {
      const rows = parseJson(answer.body) as { id: string; type?: string; outcome: string; contentType?: string; body: string }[];
      return new Map(
        rows.map((row) => [
          String(row.id),
          { failed: row.outcome === "failed", contentType: row.contentType ?? JSON_TYPE, body: fromBase64(row.body), type: row.type },
        ]),
      );
    } catch (error) {
      throw new CheckpointError(`The gateway's list of steps cannot be read: ${messageOf(error)}`, { cause: error });
    }
  }

  async #send(address: (callback: string) => string, method: string, write: StepWrite, signal?: AbortSignal): Promise<Answer> {
    let last: unknown;
    const first = this.#best;
    for (let i = 0; i < this.callbacks.length; i++) {
      const turn = (first + i) % this.callbacks.length;
      const url = address(this.callbacks[turn] as string);
      for (let tries = 0; tries <= this.times.delays.length; tries++) {
        if (tries > 0) await delay((this.times.delays[tries - 1] as number) * (0.75 + Math.random() / 2), signal);
        let answer: Answer;
        try {
          answer = await this.#call(url, method, write, signal);
        } catch (error) {
          if (signal?.aborted) throw error;
          last = error;
          continue;
        }
        if (answer.status === 503) {
          last = refused(url, answer);
          continue;
        }
        // A node that does not know the run may have a neighbour that does.
        if (answer.status === 404 && i + 1 < this.callbacks.length) {
          last = refused(url, answer);
          break;
        }
        this.#best = turn;
        return answer;
      }
    }
    throw new CheckpointError(`The gateway cannot be reached at ${this.callbacks.join(", ")}: ${causeOf(last)}`, { cause: last });
  }

  async #call(url: string, method: string, write: StepWrite, signal: AbortSignal | undefined): Promise<Answer> {
    const headers = new Headers({ "durable-token": this.token, "durable-execution": this.#execution });
    for (const [name, value] of Object.entries(write.headers)) if (value !== undefined) headers.set(name, value);
    if (write.contentType !== undefined) headers.set("content-type", write.contentType);
    const call = anySignal([signal], this.times.timeout);
    // Next.js keeps answers to GET where nobody says otherwise.
    const init: RequestInit & { next?: { revalidate: number } } = { method, headers, signal: call.signal, next: { revalidate: 0 } };
    if (write.body !== undefined) init.body = write.body;
    try {
      const response = await this.fetch(url, init);
      return { status: response.status, headers: response.headers, body: new Uint8Array(await response.arrayBuffer()) };
    } finally {
      call.release();
    }
  }
}

/** What the gateway said against a call. */
export function refused(what: string, answer: Answer): CheckpointError {
  const { title, detail } = parseProblem(answer.body);
  return new CheckpointError(`${what}: the gateway answered ${answer.status} (${title}${detail ? `: ${detail}` : ""}).`);
}

/** A control listener behind a prefix has its events behind the same one. */
function eventsOf(callback: string): string {
  const end = callback.lastIndexOf("/runs/");
  return end < 0 ? new URL("/_durable/v1/events", callback).href : `${callback.slice(0, end)}/events`;
}

/** `fetch failed` alone says nothing; Node has the reason in the cause. */
function causeOf(error: unknown): string {
  const { cause } = (error ?? {}) as { cause?: unknown };
  return cause instanceof Error ? `${messageOf(error)} (${cause.message})` : messageOf(error);
}
