import { StepUsageError } from "./errors.js";
import type { Flow } from "./flow.js";
import type { Step } from "./step.js";

/** What the code of a handler is part of. */
export interface Context {
  readonly step: Step;
  /** The step whose body is executing here. */
  readonly inside?: string | undefined;
  /** What calls to the egress listener of the gateway bear; absent where it has none. */
  readonly egressToken?: string | undefined;
  /** The step that was begun last in this chain of calls. */
  readonly flow?: Flow | undefined;
}

interface Storage {
  run<T>(context: Context, callback: () => T): T;
  getStore(): Context | undefined;
  enterWith?(context: Context): void;
}

type StorageConstructor = new () => Storage;

/** One for all copies of this package, so that `step` of the ESM one is that of a handler which the CJS one has wrapped. */
const KEY = Symbol.for("durable-gateway.context");
const shared = globalThis as { [KEY]?: Storage };

/** Called by the entry for Node, Bun and Deno, where the class is in a module. */
export function useStorage(AsyncLocalStorage: StorageConstructor): void {
  shared[KEY] ??= new AsyncLocalStorage();
}

function storage(): Storage | undefined {
  if (shared[KEY]) return shared[KEY];
  const { AsyncLocalStorage, process } = globalThis as {
    AsyncLocalStorage?: StorageConstructor;
    process?: { getBuiltinModule?(name: string): { AsyncLocalStorage?: StorageConstructor } | undefined };
  };
  // Edge runtimes have it as a global; Workers with `nodejs_compat` as a module.
  const found = AsyncLocalStorage ?? process?.getBuiltinModule?.("node:async_hooks")?.AsyncLocalStorage;
  if (found) useStorage(found);
  return shared[KEY];
}

export const currentContext = (): Context | undefined => storage()?.getStore();

export function inContext<T>(context: Context, callback: () => T): T {
  const als = storage();
  return als ? als.run(context, callback) : callback();
}

/** Changes the context of the code that is executing, and of what it continues with. Returns whether the runtime can. */
export function enterContext(context: Context): boolean {
  const als = storage();
  if (!als?.enterWith || !canEnter) return false;
  try {
    als.enterWith(context);
  } catch {
    // Workers have the method, which says that it is not implemented.
    canEnter = false;
  }
  return canEnter;
}

let canEnter = true;

/** @throws StepUsageError Nothing wraps the code that is executing. */
export function currentStep(): Step {
  const context = currentContext();
  if (context) return context.step;
  throw new StepUsageError(
    "step is used outside of a handler that durable() wraps, or this runtime has no AsyncLocalStorage " +
      "(on Workers, set the flag nodejs_compat). " +
      "Wrap the handler. If there is no AsyncLocalStorage, use the step that is the handler's second argument.",
  );
}
