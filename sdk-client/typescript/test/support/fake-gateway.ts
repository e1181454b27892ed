import { Attempt, type AttemptParts, type Ending } from "../../src/core/attempt.js";
import { type DurableOptions, settle } from "../../src/core/options.js";
import type { Step } from "../../src/core/step.js";
import { RUN_ID, RUN_URL, TestGateway } from "../../src/testing.js";

export { RUN_ID, RUN_URL };
export const OTHER_URL = RUN_URL.replace("test.invalid", "other.invalid");

/** A call of the SDK, as a gateway sees it. */
export interface Call {
  method: string;
  url: string;
  /** The step's id. */
  step: string;
  headers: Headers;
  body: Uint8Array;
  text: string;
}

/** A run before a gateway in memory that remembers its calls, and answers as the test says where it says something. */
export class FakeRun {
  readonly gateway: TestGateway;
  readonly calls: Call[] = [];
  instead: (call: Call) => Response | undefined | Promise<Response | undefined> = () => undefined;
  attempts = 0;

  constructor(maxAttempts = 3) {
    this.gateway = new TestGateway(maxAttempts);
  }

  get puts(): Call[] {
    return this.calls.filter((call) => call.method === "PUT");
  }

  putsOf(step: string): Call[] {
    return this.puts.filter((call) => call.step === step);
  }

  readonly fetch = async (input: string | URL | Request, init?: RequestInit): Promise<Response> => {
    const request = new Request(input, init);
    const body = new Uint8Array(await request.clone().arrayBuffer());
    const { method, url, headers } = request;
    const step = url.includes("/steps/") ? decodeURIComponent(url.slice(url.lastIndexOf("/") + 1)) : "";
    const call = { method, url, step, headers, body, text: new TextDecoder().decode(body) };
    this.calls.push(call);
    return (await this.instead(call)) ?? this.gateway.fetch(request);
  };

  options(more: DurableOptions = {}): DurableOptions {
    return { suspendAfter: 50, errorDetails: true, logger: false, fetch: this.fetch, ...more };
  }

  /** The headers of the next attempt. */
  headers(how: { inlined?: boolean; callback?: string; final?: boolean } = {}): Record<string, string> {
    const headers: Record<string, string> = {
      "durable-protocol": "1",
      "durable-run-id": RUN_ID,
      "durable-attempt": String(++this.attempts),
      "durable-callback": how.callback ?? RUN_URL,
      "durable-token": "secret",
    };
    if (this.gateway.stored.size > 0) headers["durable-step-count"] = String(this.gateway.stored.size);
    if (how.inlined !== false && this.gateway.stored.size > 0) headers["durable-steps"] = this.gateway.inlined;
    if (how.final) headers["durable-final-attempt"] = "?1";
    return headers;
  }

  begin(
    how: { inlined?: boolean; callback?: string; final?: boolean; headers?: Record<string, string> } & DurableOptions & AttemptParts = {},
  ): Attempt {
    const { inlined, callback, final, headers: own, signal, isResponse, times, ...options } = how;
    const headers = {
      ...this.headers({
        ...(inlined === undefined ? {} : { inlined }),
        ...(callback === undefined ? {} : { callback }),
        ...(final === undefined ? {} : { final }),
      }),
      ...own,
    };
    return Attempt.begin((name) => headers[name], settle(this.options(options)), {
      signal,
      isResponse,
      times: times ?? { timeout: 1000, delays: [1, 1, 1, 1] },
    });
  }

  /** Executes the handler as the next attempt. */
  attempt<T>(handler: (step: Step) => T | Promise<T>, how: Parameters<FakeRun["begin"]>[0] = {}): Promise<Ending<T>> {
    return this.begin(how).run(handler);
  }
}

export function verdictOf(ending: Ending<unknown>) {
  if (ending.kind !== "overruled")
    throw new Error(`The handler ${ending.kind}: ${JSON.stringify(ending)} ${ending.kind === "threw" ? ending.error : ""}`);
  return ending.verdict;
}

export function resultOf<T>(ending: Ending<T>): T {
  if (ending.kind === "returned") return ending.value;
  throw ending.kind === "threw" ? ending.error : new Error(`Overruled: ${JSON.stringify(ending.verdict)}`);
}

export const problem = (status: number, name: string) =>
  new Response(JSON.stringify({ type: `/_durable/problems/${name}`, title: name, status }), {
    status,
    headers: { "content-type": "application/problem+json" },
  });
