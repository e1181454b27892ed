import { AI_TYPE, type Encoded, json } from "./content.js";
import type { Stored } from "./jsonify.js";
import type { ModelPrice, StepOptions } from "./options.js";

/** Steps around calls of models. */
export interface Ai {
  /**
   * Calls a model as a step: `call(...args)`. What went in and what it cost is kept beside the result, by the names of OpenTelemetry's
   * semantic conventions, and shown with the step in the dashboard. The results of OpenAI, Anthropic, Google and the AI SDK are understood.
   *
   * @param step The step's name, or its options with the name.
   * @example
   * const { text } = await step.ai.wrap("summary", generateText, { model: openai("gpt-4o"), prompt });
   */
  wrap<A extends unknown[], R>(
    step: string | (StepOptions & { name: string }),
    call: (...args: A) => R | PromiseLike<R>,
    ...args: A
  ): Promise<Stored<R>>;
}

type Members = Record<string, unknown>;

const membersOf = (value: unknown): Members => (typeof value === "object" && value !== null ? (value as Members) : {});

/** The result with its attributes. */
export function encodeModelCall(
  step: string,
  result: unknown,
  args: readonly unknown[],
  prices: Readonly<Record<string, ModelPrice>>,
): Encoded {
  const kept = plain(result);
  return { body: json(step, "gives", { result: kept, attributes: attributesOf(args[0], kept, prices) }), contentType: AI_TYPE };
}

export function attributesOf(request: unknown, result: unknown, prices: Readonly<Record<string, ModelPrice>>): Members {
  const asked = membersOf(request);
  const given = membersOf(result);
  const usage = membersOf(given.usage ?? given.usageMetadata);
  const model = nameOf(given.model) ?? nameOf(given.modelVersion) ?? nameOf(membersOf(given.response).modelId) ?? nameOf(asked.model);
  const input = firstNumber(usage, "inputTokens", "input_tokens", "promptTokens", "prompt_tokens", "promptTokenCount");
  const output = firstNumber(usage, "outputTokens", "output_tokens", "completionTokens", "completion_tokens", "candidatesTokenCount");
  const price = model === undefined ? undefined : priceOf(model, prices);
  return {
    "gen_ai.request.model": nameOf(asked.model) ?? model,
    "gen_ai.response.model": model,
    "gen_ai.system_instructions": asked.system ?? asked.instructions,
    "gen_ai.input.messages": asked.messages ?? asked.prompt ?? asked.input ?? asked.contents,
    "gen_ai.usage.input_tokens": input,
    "gen_ai.usage.output_tokens": output,
    "gen_ai.usage.cost": price ? ((input ?? 0) * price.input + (output ?? 0) * price.output) / 1_000_000 : undefined,
  };
}

/** A model is named, or is an object that has its name. */
function nameOf(model: unknown): string | undefined {
  if (typeof model === "string") return model;
  const { modelId } = membersOf(model);
  return typeof modelId === "string" ? modelId : undefined;
}

function firstNumber(usage: Members, ...names: string[]): number | undefined {
  return names.map((name) => usage[name]).find((value) => typeof value === "number");
}

/** The price of the model, or of the longest name that it begins with: `gpt-4o` is also `gpt-4o-2024-08-06`. */
function priceOf(model: string, prices: Readonly<Record<string, ModelPrice>>): ModelPrice | undefined {
  const [name] = Object.keys(prices)
    .filter((each) => model.startsWith(each))
    .sort((a, b) => b.length - a.length);
  return name === undefined ? undefined : prices[name];
}

/** Results of some libraries are objects whose members are getters of their class, which JSON leaves out. */
function plain(result: unknown): unknown {
  if (typeof result !== "object" || result === null || Array.isArray(result) || typeof (result as Members).toJSON === "function")
    return result;
  const kept: Members = { ...result };
  for (let type = Object.getPrototypeOf(result); type && type !== Object.prototype; type = Object.getPrototypeOf(type)) {
    for (const [name, property] of Object.entries(Object.getOwnPropertyDescriptors(type))) {
      if (!property.get || name in kept) continue;
      try {
        const value = (result as Members)[name];
        if (!(value instanceof Promise) && !(value instanceof ReadableStream)) kept[name] = value;
      } catch {
        // A getter that throws has nothing to keep.
      }
    }
  }
  return kept;
}
