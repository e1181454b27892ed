import { setTimeout as delay } from "node:timers/promises";
import {
  egressHeaders,
  NonRetriableError,
  RetryAfterError,
  type Step,
  type StepContext,
  StepError,
  type StepOptions,
} from "../src/node.js";
import type { Journal } from "./journal.js";
import type { Body, Failure, Operation, Program } from "./program.js";

/** Ends the handler with a response of its own. */
export class Responding extends Error {
  constructor(readonly response: Response) {
    super();
  }
}

/** What a step may give that has a type of its own. */
class Item {
  constructor(
    readonly id: number,
    readonly name?: string,
  ) {}
}

/** The events that the client does not have. One is asked for when the one before has been sent. */
function eventsAfter(last: number, events: number, exitAfter: number | undefined): ReadableStream<Uint8Array> {
  let id = last;
  return new ReadableStream(
    {
      pull(controller) {
        if (id === exitAfter) process.exit(7);
        if (++id > events) controller.close();
        else controller.enqueue(new TextEncoder().encode(`id: ${id}\ndata: part ${id}\n\n`));
      },
    },
    { highWaterMark: 0 },
  );
}

const ms = (seconds: number | undefined) => (seconds === undefined ? undefined : seconds * 1000);

/** Executes a program as a handler would that was written by hand. */
export class Interpreter {
  constructor(
    private readonly program: Program,
    private readonly execution: number,
    private readonly step: Step,
    private readonly journal: Journal,
    private readonly lastEventId: number,
  ) {}

  async all(operations: readonly Operation[]): Promise<unknown[]> {
    const values: unknown[] = [];
    for (const operation of operations) {
      if (operation.in && !operation.in.includes(this.execution)) continue;
      values.push((await this.#do(operation)) ?? null);
    }
    return values;
  }

  async #last(operations: readonly Operation[]): Promise<unknown> {
    return (await this.all(operations)).at(-1) ?? null;
  }

  async #do(operation: Operation): Promise<unknown> {
    const { step } = this;
    switch (operation.op) {
      case "run": {
        const result = await step.run(operation.name, (context) => this.#body(operation, context), optionsOf(operation));
        if (operation.bytes === undefined) return result;
        const bytes = await new Response(result as Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array>).arrayBuffer();
        return { bytes: Buffer.from(bytes).toString("base64") };
      }
      case "rollback":
        return step.onRollback(operation.name, (context) => this.#body(operation, context), optionsOf(operation));
      case "sleep":
        return step.sleep(operation.name, operation.seconds * 1000);
      case "sleepUntil":
        return step.sleepUntil(operation.name, operation.until);
      case "event":
        return step.waitForEvent(operation.name, operation.type, {
          key: operation.key,
          timeout: ms(operation.timeout),
          lookback: ms(operation.lookback),
        });
      case "callback":
        return step.waitForCallback(
          operation.name,
          (url) =>
            this.#fail(operation.fail, this.journal.write({ case: this.program.case, event: "url", name: operation.name, value: url })),
          { timeout: ms(operation.timeout) },
        );
      case "invoke":
        return step.invoke(operation.name, operation.path, { method: operation.method, body: operation.body });
      case "send":
        await step.sendEvent(operation.name, { type: operation.type, key: operation.key, data: operation.data });
        return null;
      case "fetch": {
        const response = await step.fetch(operation.name, ({ signal }) => {
          this.journal.write({ case: this.program.case, event: "step", name: operation.name });
          return fetch(operation.url, { signal });
        });
        return { status: response.status, body: await response.text() };
      }
      case "egress":
        return { handler: egressHeaders(), step: await step.run(operation.name, () => egressHeaders()) };
      case "parallel":
        return Promise.all(operation.branches.map((branch) => this.#last(branch)));
      case "first":
        return Promise.race(operation.branches.map((branch) => this.#last(branch)));
      case "repeat": {
        let value: unknown = null;
        for (let round = 0; round < operation.times; round++) value = await this.#last(operation.do);
        return value;
      }
      case "try":
        try {
          return await this.#last(operation.do);
        } catch (error) {
          if (!(error instanceof StepError)) throw error;
          // biome-ignore lint/suspicious/noThenProperty: the format names it so.
          return { failed: error.step, type: error.problem.type ?? null, then: await this.#last(operation.catch) };
        }
      case "throw":
        return this.#fail(operation, this.execution);
      case "work":
        return delay(operation.ms, null, { signal: step.signal });
      case "respond":
        throw new Responding(Response.json(operation.body, { status: operation.status, headers: operation.headers ?? {} }));
      case "stream": {
        const { events, exit } = operation;
        const exitAfter = exit && this.execution <= exit.times ? exit.after : undefined;
        const headers = { "content-type": "text/event-stream", "durable-stream": "resume" };
        throw new Responding(new Response(eventsAfter(this.lastEventId, events, exitAfter), { headers }));
      }
      case "exit":
        return process.exit(7);
      case "nested":
        return step.run(operation.name, () => step.run(operation.inner, () => null));
    }
  }

  async #body(body: Body, { signal }: StepContext): Promise<unknown> {
    const execution = this.journal.write({ case: this.program.case, event: "step", name: body.name });
    if (body.ms !== undefined) await delay(body.ms, null, { signal });
    if (body.after !== undefined) {
      const other = { case: this.program.case, event: "step", name: body.after };
      for (const deadline = Date.now() + 5000; !this.journal.has(other) && Date.now() < deadline; ) await delay(5);
    }
    if (body.hold) {
      await delay(10_000, null, { signal }).catch((error) => {
        this.journal.write({ case: this.program.case, event: "released", name: body.name });
        throw error;
      });
    }
    if (body.exit && execution <= body.exit.times) process.exit(7);
    this.#fail(body.fail, execution);
    if (body.size !== undefined) return "x".repeat(body.size);
    if (body.bytes !== undefined) {
      const bytes = Buffer.from(body.bytes, "base64");
      return body.as === "stream" ? new Blob([bytes]).stream() : bytes;
    }
    if (body.as !== "object") return body.result;
    const { id, name } = body.result as Item;
    return new Item(id, name);
  }

  #fail(failure: Failure | undefined, execution: number): null {
    if (!failure || (failure.times !== undefined && execution > failure.times)) return null;
    const { message = "it failed", kind, clientMessage, seconds = 0 } = failure;
    if (kind === "final") throw new NonRetriableError(message, { clientMessage });
    if (kind === "later") throw new RetryAfterError(message, seconds * 1000);
    throw new Error(message);
  }
}

function optionsOf({ options }: Body): StepOptions {
  if (!options) return {};
  const { atMostOnce, maxAttempts, backoff } = options;
  return {
    atMostOnce,
    maxAttempts,
    backoff,
    retryDelay: ms(options.delay),
    maxRetryDelay: ms(options.maxDelay),
    timeout: ms(options.timeout),
  };
}
