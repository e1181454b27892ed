import { readEvents } from "./client/events.js";
import { delay } from "./core/signals.js";

/** What happens to a run while its result is waited for. */
export type Progress =
  /** The request is stored: from here on it has a result, whatever happens. `url` is its result URL, a secret of who sent the request. */
  | { readonly type: "accepted"; readonly runId: string; readonly url: string }
  | { readonly type: "attempt"; readonly attempt: number; readonly time: string }
  | {
      readonly type: "step";
      readonly attempt: number;
      readonly step: string;
      readonly state: "completed" | "failed" | "retrying" | "running" | "sleeping" | "waiting";
      readonly until?: string;
      readonly time: string;
    }
  | { readonly type: "suspended"; readonly attempt: number; readonly until?: string; readonly failed?: boolean; readonly time: string }
  /** The connection was lost, or the gateway is away for a while. It is tried again. */
  | { readonly type: "interrupted"; readonly error: unknown };

export interface DurableFetchOptions extends RequestInit {
  /** Told what happens to the run. The request is stored first, and its history is read as it is written. */
  onProgress?: ((progress: Progress) => void) | undefined;

  /**
   * A name for this request. Under it the result URL is kept in `sessionStorage`, until the result is there: whoever asks again under the
   * same name, for example after a reload of the page, waits for the same run. The request is stored first.
   */
  resume?: string | undefined;

  /** Where `resume` keeps it. The default is `sessionStorage`. */
  storage?: Pick<Storage, "getItem" | "setItem" | "removeItem"> | undefined;

  /**
   * The `Idempotency-Key`, so that the request is executed once however often it is sent. The default is a random one, and none for `GET`
   * and `HEAD`.
   */
  idempotencyKey?: string | undefined;

  /** How often in a row it may fail to reach the gateway. The default is 10, which takes about two minutes. */
  maxFailures?: number | undefined;

  /** The default is the global `fetch`. */
  fetch?: typeof globalThis.fetch | undefined;
}

/**
 * Sends a request through a Durable Gateway and gives the final response, after whatever happened in between: it follows the redirect to
 * the result, and continues after a lost connection. Called as `fetch` is. To abort the signal ends the waiting, and not the run.
 *
 * The body is read whole before this resolves, so that a response that is cut off is fetched again; but streams of events pass as they
 * come.
 */
export async function durableFetch(input: string | URL | Request, options: DurableFetchOptions = {}): Promise<Response> {
  const {
    onProgress,
    resume,
    storage = globalThis.sessionStorage,
    idempotencyKey,
    maxFailures = 10,
    fetch = globalThis.fetch,
    ...init
  } = options;
  const template = new Request(input, init);
  const isSafe = template.method === "GET" || template.method === "HEAD";
  const kept = resume === undefined ? undefined : new Kept(storage, `durable-gateway:${resume}`);
  const before = kept?.read();
  const key = idempotencyKey ?? before?.key ?? (isSafe ? undefined : randomKey());
  const waiting = new Waiting(fetch, template, maxFailures, onProgress);

  if (before?.url) {
    const response = await waiting.forResult(before.url);
    // Past its retention, or of another gateway: the request is sent anew.
    if (!["result-unknown", "result-expired"].includes(await problemOf(response))) {
      kept?.forget();
      return response;
    }
  }

  const headers = new Headers(template.headers);
  if (key !== undefined && !headers.has("idempotency-key")) headers.set("idempotency-key", JSON.stringify(key));
  const first = onProgress !== undefined || kept !== undefined;
  if (first) headers.append("prefer", "respond-async");
  const body = isSafe ? undefined : await template.arrayBuffer();
  const request = () => new Request(template, { headers, signal: template.signal, ...(body && body.byteLength > 0 ? { body } : {}) });
  if (key !== undefined) kept?.write({ key });

  const response = await waiting.send(request, (accepted, runId) => {
    kept?.write({ key, url: accepted });
    onProgress?.({ type: "accepted", runId, url: accepted });
  });
  kept?.forget();
  return response;
}

/**
 * Ends a run, where its policy lets clients do so.
 *
 * @param url The result URL, as `accepted` tells it.
 * @returns Whether it was not ended yet.
 */
export async function cancelRun(
  url: string,
  { fetch = globalThis.fetch, signal }: Pick<DurableFetchOptions, "fetch" | "signal"> = {},
): Promise<boolean> {
  const run = new URL(url, globalThis.location?.href);
  run.pathname += "/run";
  const response = await fetch(run, { method: "DELETE", signal: signal ?? null });
  await response.body?.cancel();
  if (response.status === 204) return true;
  if (response.status === 409) return false;
  throw new Error(
    response.status === 403
      ? "The policy of the route does not allow clients to cancel its runs."
      : `The gateway answered ${response.status}.`,
  );
}

interface Entry {
  readonly key?: string | undefined;
  readonly url?: string | undefined;
}

/** What outlives the page. Storage may be forbidden or full: then a reload begins anew, and nothing else is lost. */
class Kept {
  constructor(
    private readonly storage: DurableFetchOptions["storage"],
    private readonly name: string,
  ) {}

  read(): Entry | undefined {
    try {
      return JSON.parse(this.storage?.getItem(this.name) ?? "null") ?? undefined;
    } catch {
      return undefined;
    }
  }

  write(entry: Entry): void {
    try {
      this.storage?.setItem(this.name, JSON.stringify(entry));
    } catch {
      // As said above.
    }
  }

  forget(): void {
    try {
      this.storage?.removeItem(this.name);
    } catch {
      // As said above.
    }
  }
}

/** Asks until there is a final response. */
class Waiting {
  readonly #fetch: typeof globalThis.fetch;
  #failures = 0;
  #lastEventId: string | undefined;

  constructor(
    fetch: typeof globalThis.fetch,
    private readonly template: Request,
    private readonly maxFailures: number,
    private readonly onProgress: ((progress: Progress) => void) | undefined,
  ) {
    // A browser's fetch refuses to be a method of anything but the window.
    this.#fetch = (input, init) => fetch(input, init);
  }

  /** Sends the request until it is answered. */
  async send(request: () => Request, accepted: (url: string, runId: string) => void): Promise<Response> {
    while (true) {
      let cutAt: string | undefined;
      try {
        const response = await this.#fetch(request());
        const result = response.headers.get("durable-result");
        cutAt = result === null ? undefined : this.#absolute(response, result);
        if (isNotYet(response)) {
          const url = this.#absolute(response, response.headers.get("location") ?? "");
          accepted(url, response.headers.get("durable-run-id") ?? "");
          await response.body?.cancel();
          return await this.forResult(url);
        }
        if (await isUnavailable(response)) {
          // With a result URL the request may be stored: its result is there, or it is not known there.
          const found = cutAt && (await this.#foundAt(cutAt));
          if (found) return found;
          await this.#failed(new Error(`The gateway answered ${response.status}.`), response);
          continue;
        }
        return await whole(response);
      } catch (error) {
        await this.#failed(error);
        const found = cutAt && (await this.#foundAt(cutAt));
        if (found) return found;
      }
    }
  }

  /** The result of a run that may be stored, or not. */
  async #foundAt(url: string): Promise<Response | undefined> {
    const response = await this.forResult(url);
    return (await problemOf(response)) === "result-unknown" ? undefined : response;
  }

  /** Waits at the result URL, with the run's history where somebody wants to see it. */
  async forResult(url: string): Promise<Response> {
    let watch = this.onProgress !== undefined;
    while (true) {
      try {
        if (watch) watch = !(await this.#watch(url));
        const response = await this.#get(url, {});
        const unavailable = await isUnavailable(response);
        if (!isNotYet(response) && !unavailable) return await whole(response);
        await response.body?.cancel();
        if (unavailable) await this.#failed(new Error(`The gateway answered ${response.status}.`), response);
      } catch (error) {
        await this.#failed(error);
      }
    }
  }

  /** Tells the run's history. @returns Whether it has come to its end, or cannot be read. */
  async #watch(url: string): Promise<boolean> {
    const headers: Record<string, string> = { accept: "text/event-stream" };
    if (this.#lastEventId !== undefined) headers["last-event-id"] = this.#lastEventId;
    const response = await this.#get(url, headers);
    if (response.status !== 200 || !response.body || !isEvents(response)) {
      const unavailable = await isUnavailable(response);
      await response.body?.cancel();
      return !unavailable;
    }
    for await (const { id, event, data } of readEvents(response.body)) {
      this.#failures = 0;
      // The service's own stream is the result, and no history.
      if (event === "result" || !["attempt", "step", "suspended"].includes(event)) return true;
      this.#lastEventId = id;
      this.onProgress?.({ type: event, ...JSON.parse(data) } as Progress);
    }
    return false;
  }

  #get(url: string, headers: Record<string, string>): Promise<Response> {
    const { credentials, signal } = this.template;
    return this.#fetch(url, { headers, credentials, signal, cache: "no-store" });
  }

  /** Waits before the next try. @throws The error, where there have been too many, or the caller has given up. */
  async #failed(error: unknown, response?: Response): Promise<void> {
    const { signal } = this.template;
    if (signal.aborted) throw signal.reason;
    if (++this.#failures > this.maxFailures) throw error;
    this.onProgress?.({ type: "interrupted", error });
    const retryAfter = Number(response?.headers.get("retry-after") ?? 0) || 0;
    const backoff = Math.min(250 * 2 ** (this.#failures - 1), 30_000) * (0.5 + Math.random() / 2);
    await delay(Math.max(retryAfter * 1000, backoff), signal);
  }

  /** The gateway's references are relative to the URL of the request. */
  #absolute(response: Response, reference: string): string {
    return new URL(reference, response.url || this.template.url).href;
  }
}

/** Reads the body to its end: one that is cut off throws here, and not at the caller. */
async function whole(response: Response): Promise<Response> {
  if (!response.body || isEvents(response) || response.headers.get("content-type")?.startsWith("multipart/x-mixed-replace"))
    return response;
  const body = await response.arrayBuffer();
  const { status, statusText, headers, url, redirected } = response;
  const read = new Response(body, { status, statusText, headers });
  // A response of one's own has neither.
  Object.defineProperties(read, { url: { value: url }, redirected: { value: redirected } });
  return read;
}

const isEvents = (response: Response) => response.headers.get("content-type")?.startsWith("text/event-stream") === true;

/** Of a run that has not ended, or that was only taken in. A service's own 202 is `completed`. */
function isNotYet({ status, headers }: Response): boolean {
  if (status !== 202 || !headers.get("location")) return false;
  return headers.get("preference-applied") === "respond-async" || ["running", "waiting"].includes(headers.get("durable-status") ?? "");
}

/** Whether the gateway cannot say yet: its store is away, or full. A 503 of the service has no such type. */
const isUnavailable = async (response: Response) => response.status === 503 && (await problemOf(response)).startsWith("store-");

/** The name of the gateway's own problem; empty where the response is anything else. */
async function problemOf(response: Response): Promise<string> {
  if (response.headers.get("content-type")?.startsWith("application/problem+json") !== true) return "";
  try {
    const { type } = (await response.clone().json()) as { type?: unknown };
    return typeof type === "string" && type.startsWith("/_durable/problems/") ? type.slice("/_durable/problems/".length) : "";
  } catch {
    return "";
  }
}

/** `crypto.randomUUID` is there in secure contexts only. */
function randomKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
