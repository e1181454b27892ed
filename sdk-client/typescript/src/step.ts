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
  run: (...args) => currentStep().run(...args),
  sleep: (...args) => currentStep().sleep(...args),
  sleepUntil: (...args) => currentStep().sleepUntil(...args),
  waitForEvent: (...args) => currentStep().waitForEvent(...args),
  waitForCallback: (...args) => currentStep().waitForCallback(...args),
  sendEvent: (...args) => currentStep().sendEvent(...args),
  invoke: (...args) => currentStep().invoke(...args),
  fetch: (...args) => currentStep().fetch(...args),
  onRollback: (...args) => currentStep().onRollback(...args),
};
