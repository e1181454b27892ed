import { AsyncLocalStorage } from "node:async_hooks";
import { useStorage } from "./core/context.js";

useStorage(AsyncLocalStorage);

export * from "./index.js";
