/** A promise and what settles it. */
export interface Deferred<T = void> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
}

export function deferred<T = void>(): Deferred<T> {
  let resolve!: (value: T) => void;
  const promise = new Promise<T>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

const listeners = new WeakMap<AbortSignal, Set<() => void>>();

/**
 * Calls back when a signal is aborted. However many wait, the signal has one listener: from the eleventh on, Node warns of a leak.
 *
 * @returns Releases the callback.
 */
export function onAbort(signal: AbortSignal, call: () => void): () => void {
  const calls = listeners.get(signal) ?? new Set();
  if (!listeners.has(signal)) {
    listeners.set(signal, calls);
    signal.addEventListener("abort", () => calls.forEach((each) => void each()), { once: true });
  }
  calls.add(call);
  return () => calls.delete(call);
}

/** A longer time overflows, and would be over at once. */
const LONGEST_TIMER = 2 ** 31 - 1;

/** @throws The signal's reason, where it is aborted first. */
export function delay(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const aborted = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    let left = ms;
    const wait = () => {
      const piece = Math.min(left, LONGEST_TIMER);
      left -= piece;
      return setTimeout(() => {
        if (left > 0) {
          timer = wait();
          return;
        }
        release?.();
        resolve();
      }, piece);
    };
    let timer = wait();
    const release = signal && onAbort(signal, aborted);
  });
}

/** Waits until all that was to happen at once has happened: the code behind an `await` of what has been settled. */
export const nextTurn = () => new Promise<void>((resolve) => setTimeout(resolve, 0));

/**
 * A signal that is aborted with the first of several, or after a time. `AbortSignal.any` and `.timeout` would do, but Node 20.0 lacks the
 * first, and what is no longer needed can be released here.
 */
export function anySignal(signals: readonly (AbortSignal | undefined)[], timeout?: number) {
  const controller = new AbortController();
  const releases: (() => void)[] = [];
  let timedOut = false;
  const release = () => {
    for (const each of releases) each();
  };
  for (const signal of signals) {
    if (!signal) continue;
    if (signal.aborted) controller.abort(signal.reason);
    releases.push(onAbort(signal, () => controller.abort(signal.reason)));
  }
  if (timeout !== undefined && timeout <= LONGEST_TIMER) {
    const timer = setTimeout(() => {
      timedOut = !controller.signal.aborted;
      controller.abort(new DOMException(`It took longer than ${timeout} ms.`, "TimeoutError"));
    }, timeout);
    releases.push(() => clearTimeout(timer));
  }
  return { signal: controller.signal, release, timedOut: () => timedOut };
}
