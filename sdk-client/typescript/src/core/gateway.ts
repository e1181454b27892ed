import { fromBase64, JSON_TYPE, messageOf, parseJson } from "./content.js";
import { CheckpointError } from "./errors.js";
import { type Outcome, percentEncode, stringField } from "./fields.js";
import { parseProblem } from "./problem.js";
import { anySignal, delay } from "./signals.js";
import { readStepList, STEP_LIST_TYPE } from "./step-list.js";

/** An answer of the gateway, taken in whole. */
export interface Answer<B = Uint8Array> {
  readonly status: number;
  readonly headers: Headers;
  readonly body: B;
}

/** Reads the body of an answer. */
type Read<B> = (response: Response) => Promise<B>;

const inWhole: Read<Uint8Array> = async (response) => new Uint8Array(await response.arrayBuffer());

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
    readonly egressToken?: string | undefined,
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
    const whole = { ...write, headers: { ...write.headers, "durable-build": this.#build } };
    return this.#send((callback) => `${callback}/steps/${percentEncode(step)}`, "PUT", whole, inWhole);
  }

  /** Tells the gateway of an event: a CloudEvent in structured mode. */
  postEvent(cloudEvent: Uint8Array<ArrayBuffer>, signal: AbortSignal): Promise<Answer> {
    const write = { headers: {}, body: cloudEvent, contentType: "application/cloudevents+json" };
    return this.#send(eventsOf, "POST", write, inWhole, signal);
  }

  /** All stored outcomes of the run. @throws CheckpointError They cannot be read. */
  async getSteps(signal: AbortSignal): Promise<Map<string, Outcome>> {
    // A gateway that does not know the binary form answers with JSON.
    const write = { headers: { accept: `${STEP_LIST_TYPE}, ${JSON_TYPE};q=0.9` } };
    const read: Read<Uint8Array | Map<string, Outcome>> = (response) =>
      isStepList(response) ? readStepList(response.body) : inWhole(response);
    const { body, ...answer } = await this.#send((callback) => `${callback}/steps`, "GET", write, read, signal);
    if (body instanceof Map) return body;
    if (answer.status !== 200) throw refused("The stored steps", { ...answer, body });
    try {
      const rows = parseJson(body) as { id: string; type?: string; outcome: string; contentType?: string; body: string }[];
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

  async #send<B>(
    address: (callback: string) => string,
    method: string,
    write: StepWrite,
    read: Read<B>,
    signal?: AbortSignal,
  ): Promise<Answer<B>> {
    let last: unknown;
    const first = this.#best;
    for (let i = 0; i < this.callbacks.length; i++) {
      const turn = (first + i) % this.callbacks.length;
      const url = address(this.callbacks[turn] as string);
      for (let tries = 0; tries <= this.times.delays.length; tries++) {
        if (tries > 0) await delay((this.times.delays[tries - 1] as number) * (0.75 + Math.random() / 2), signal);
        let answer: Answer<B>;
        try {
          answer = await this.#call(url, method, write, read, signal);
        } catch (error) {
          // What cannot be read now cannot be read later either.
          if (signal?.aborted || error instanceof CheckpointError) throw error;
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

  async #call<B>(url: string, method: string, write: StepWrite, read: Read<B>, signal: AbortSignal | undefined): Promise<Answer<B>> {
    const headers = new Headers({ "durable-token": this.token, "durable-execution": this.#execution });
    for (const [name, value] of Object.entries(write.headers)) if (value !== undefined) headers.set(name, value);
    if (write.contentType !== undefined) headers.set("content-type", write.contentType);
    const call = anySignal([signal], this.times.timeout);
    // Next.js keeps answers to GET where nobody says otherwise.
    const init: RequestInit & { next?: { revalidate: number } } = { method, headers, signal: call.signal, next: { revalidate: 0 } };
    if (write.body !== undefined) init.body = write.body;
    try {
      // Not as a method: the fetch of Workers and of browsers is none of this class.
      const { fetch } = this;
      const response = await fetch(url, init);
      return { status: response.status, headers: response.headers, body: await read(response) };
    } finally {
      call.release();
    }
  }
}

const isStepList = ({ status, headers }: Response) =>
  status === 200 && headers.get("content-type")?.split(";")[0]?.trim().toLowerCase() === STEP_LIST_TYPE;

/** What the gateway said against a call. */
export function refused(what: string, answer: Answer<unknown>): CheckpointError {
  const { title, detail } = parseProblem(answer.body instanceof Uint8Array ? answer.body : new Uint8Array());
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
