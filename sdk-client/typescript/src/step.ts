import { currentStep } from "./core/context.js";
import type { Step } from "./core/step.js";

/**
 * The steps of the request that is being handled, wherever the code is called from. It needs AsyncLocalStorage, which Node, Bun, Deno, edge
 * runtimes and Workers (with `nodejs_compat`) have; elsewhere take the step from the handler's second argument.
 */
export const step: Step = {
  get info() {
    return currentStep().info;
  },
  get signal() {
    return currentStep().signal;
  },
  get ai() {
    return currentStep().ai;
  },
  run: (...args) => ask((current) => current.run(...args)),
  sleep: (...args) => ask((current) => current.sleep(...args)),
  sleepUntil: (...args) => ask((current) => current.sleepUntil(...args)),
  waitForEvent: (...args) => ask((current) => current.waitForEvent(...args)),
  waitForCallback: (...args) => ask((current) => current.waitForCallback(...args)),
  sendEvent: (...args) => ask((current) => current.sendEvent(...args)),
  invoke: (...args) => ask((current) => current.invoke(...args)),
  fetch: (...args) => ask((current) => current.fetch(...args)),
  onRollback: (...args) => currentStep().onRollback(...args),
};

/** Where there is no step, that is a rejection, as with every other misuse. */
async function ask<T>(method: (current: Step) => Promise<T>): Promise<T> {
  return method(currentStep());
}
