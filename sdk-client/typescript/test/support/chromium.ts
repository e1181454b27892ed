import { type ChildProcess, spawn } from "node:child_process";
import { accessSync, constants, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import type { Readable, Writable } from "node:stream";

const NAMES = ["chromium", "chromium-browser", "google-chrome"];
const PATIENCE = 30_000;

const found = (process.env.PATH ?? "")
  .split(delimiter)
  .flatMap((folder) => NAMES.map((name) => join(folder, name)))
  .find((file) => {
    try {
      accessSync(file, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });

/** Why tests in a browser are skipped; `false` where they are not. They fail where they are required and there is none. */
export const skipped: string | false =
  found || process.env.DURABLE_TESTS_REQUIRE?.split(",").includes("chromium") ? false : `the PATH has none of ${NAMES.join(", ")}`;

interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly sessionId?: string;
  readonly result?: unknown;
  readonly error?: { message: string };
}

/**
 * One page of a Chromium without a window, driven by the DevTools protocol. It goes over a pipe: Node 20 has no WebSocket, and no port is
 * opened.
 */
export class Page {
  readonly #waiting = new Map<number, { resolve: (result: unknown) => void; reject: (error: Error) => void }>();
  readonly #listeners = new Set<(message: Message) => void>();
  readonly #exited: Promise<void>;
  #last = 0;
  #session: string | undefined;
  #said = "";

  private constructor(
    private readonly child: ChildProcess,
    private readonly folder: string,
  ) {
    child.stderr?.on("data", (chunk) => {
      this.#said += chunk;
    });
    this.#exited = new Promise((done) => {
      const end = (why: unknown) => {
        for (const { reject } of this.#waiting.values()) reject(new Error(`Chromium has ended (${why}): ${this.#said}`));
        this.#waiting.clear();
        done();
      };
      child.once("exit", end);
      child.once("error", end);
    });
    let rest = Buffer.alloc(0);
    const [, , , , output] = child.stdio as Readable[];
    output?.on("data", (chunk: Buffer) => {
      rest = Buffer.concat([rest, chunk]);
      for (let end = rest.indexOf(0); end >= 0; end = rest.indexOf(0)) {
        this.#receive(JSON.parse(rest.subarray(0, end).toString()) as Message);
        rest = rest.subarray(end + 1);
      }
    });
  }

  static async open(): Promise<Page> {
    if (!found) throw new Error(`Chromium is required (DURABLE_TESTS_REQUIRE), and the PATH has none of ${NAMES.join(", ")}.`);
    const folder = mkdtempSync(join(tmpdir(), "durable-chromium-"));
    const args = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--remote-debugging-pipe"];
    const child = spawn(found, [...args, `--user-data-dir=${folder}`], { stdio: ["ignore", "ignore", "pipe", "pipe", "pipe"] });
    const page = new Page(child, folder);
    try {
      const { targetId } = await page.#call<{ targetId: string }>("Target.createTarget", { url: "about:blank" });
      const { sessionId } = await page.#call<{ sessionId: string }>("Target.attachToTarget", { targetId, flatten: true });
      page.#session = sessionId;
      await page.#call("Page.enable");
      return page;
    } catch (error) {
      await page.close();
      throw error;
    }
  }

  /** Resolves when the page has loaded, and its modules have been executed. */
  async navigate(url: string): Promise<void> {
    const loaded = this.#event("Page.loadEventFired");
    await this.#call("Page.navigate", { url });
    await loaded;
  }

  async reload(): Promise<void> {
    const loaded = this.#event("Page.loadEventFired");
    await this.#call("Page.reload");
    await loaded;
  }

  /** The value of an expression in the page; of a promise, what it resolves to. */
  async evaluate<T>(expression: string): Promise<T> {
    const { result, exceptionDetails } = await this.#call<{
      result: { value: T };
      exceptionDetails?: { text: string; exception?: { description?: string } };
    }>("Runtime.evaluate", { expression, awaitPromise: true, returnByValue: true });
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    return result.value;
  }

  async close(): Promise<void> {
    // It is ended by its own process id where it does not end by itself.
    const kill = setTimeout(() => this.child.kill("SIGKILL"), 10_000);
    this.#session = undefined;
    await this.#call("Browser.close").catch(() => {});
    await this.#exited;
    clearTimeout(kill);
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  }

  #call<T>(method: string, params: object = {}): Promise<T> {
    const id = ++this.#last;
    const [, , , input] = this.child.stdio as unknown as Writable[];
    return within(
      method,
      new Promise<unknown>((resolve, reject) => {
        if (this.child.exitCode !== null || this.child.signalCode !== null) return reject(new Error("Chromium has ended."));
        this.#waiting.set(id, { resolve, reject });
        const session = this.#session === undefined ? {} : { sessionId: this.#session };
        input?.write(`${JSON.stringify({ id, method, params, ...session })}\0`);
      }),
    ) as Promise<T>;
  }

  #event(method: string): Promise<void> {
    return within(
      method,
      new Promise((resolve) => {
        const listener = (message: Message) => {
          if (message.method !== method) return;
          this.#listeners.delete(listener);
          resolve();
        };
        this.#listeners.add(listener);
      }),
    );
  }

  #receive(message: Message): void {
    for (const listener of this.#listeners) listener(message);
    const waiting = this.#waiting.get(message.id ?? 0);
    if (!waiting) return;
    this.#waiting.delete(message.id ?? 0);
    if (message.error) waiting.reject(new Error(message.error.message));
    else waiting.resolve(message.result);
  }
}

/** @throws Error It took too long. */
export function within<T>(what: string, promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`${what} has taken longer than ${PATIENCE / 1000} s.`)), PATIENCE);
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
