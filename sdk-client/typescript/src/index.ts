export type { Ai } from "./core/ai.js";
export type { Form } from "./core/content.js";
export type { Duration } from "./core/duration.js";
export { egressFetch, egressHeaders } from "./core/egress.js";
export {
  AttemptOverError,
  CheckpointError,
  NonRetriableError,
  type NonRetriableErrorOptions,
  RetryAfterError,
  StepError,
  StepUsageError,
} from "./core/errors.js";
export type { Jsonify, Stored } from "./core/jsonify.js";
export type { DurableOptions, Logger, ModelPrice, StepOptions } from "./core/options.js";
export type { Problem } from "./core/problem.js";
export type {
  FetchInput,
  InvokeOptions,
  Payload,
  PayloadOptions,
  RunInfo,
  SentEvent,
  SignalOptions,
  Step,
  StepContext,
  WaitForCallbackOptions,
  WaitForEventOptions,
} from "./core/step.js";
export { durable } from "./durable.js";
export { step } from "./step.js";
