import { CheckpointError, FailedResponseError, StepUsageError } from "./errors.js";
import type { Outcome } from "./fields.js";

export const JSON_TYPE = "application/json";
const BYTES_TYPE = "application/octet-stream";
/** A stream comes back as one: the parameter tells it from bytes. */
const STREAM_TYPE = `${BYTES_TYPE}; form=stream`;
export const RESPONSE_TYPE = "application/vnd.durable.http-response+json";
/** A model call: `{"result":…,"attributes":{…}}`. */
export const AI_TYPE = "application/vnd.durable.ai+json";

/** How what others sent is read: as its content type says, or in the form that is asked for. */
export type Form = "json" | "text" | "bytes" | "stream";

export interface Encoded {
  readonly body: Uint8Array<ArrayBuffer>;
  readonly contentType: string;
}

const encoder = new TextEncoder();
const utf8 = (text: string): Uint8Array<ArrayBuffer> => encoder.encode(text);
const empty = new Uint8Array();

/** Bytes and streams as they are, anything else as JSON. @throws StepUsageError JSON would lose it. */
export async function encodeResult(step: string, result: unknown): Promise<Encoded> {
  if (result === undefined) return { body: empty, contentType: JSON_TYPE };
  if (result instanceof ReadableStream) return { body: await collect(result), contentType: STREAM_TYPE };
  const bytes = asBytes(result);
  if (bytes) return { body: bytes, contentType: BYTES_TYPE };
  if (result instanceof Response) {
    throw new StepUsageError(
      `Step '${step}' returns a Response. Use step.fetch, which stores responses, or return the data that the handler needs.`,
    );
  }
  return { body: json(step, "gives", result), contentType: JSON_TYPE };
}

/** What is sent for a value of the handler. */
export function encodePayload(step: string, value: unknown): Encoded {
  if (value === undefined) return { body: empty, contentType: JSON_TYPE };
  const bytes = asBytes(value);
  return bytes ? { body: bytes, contentType: BYTES_TYPE } : { body: json(step, "sends", value), contentType: JSON_TYPE };
}

/** Reads the outcome of a step that executed a body, in the form that its content type says. */
export function decodeResult(step: string, { body, contentType, type }: Outcome): unknown {
  try {
    switch (mediaType(contentType)) {
      case BYTES_TYPE:
        return /;\s*form=stream/i.test(contentType) ? streamOf(body) : body;
      case RESPONSE_TYPE:
        return parseResponse(body);
      case AI_TYPE:
        return (parseJson(body) as { result?: unknown }).result;
      default:
        return body.length === 0 ? undefined : parseJson(body);
    }
  } catch (error) {
    throw new CheckpointError(
      `The stored result of step '${step}' (${contentType}, of a step of type ${type ?? "unknown"}) cannot be read: ${messageOf(error)} ` +
        "If the type of the result has changed since it was stored, give the step a new name, " +
        "or use a type that can read the stored result.",
      { cause: error },
    );
  }
}

/** Reads what others sent. Nothing at all is `null`. */
export function decodePayload(step: string, { body, contentType }: Outcome, form: Form | undefined): unknown {
  if (form === "bytes") return body;
  if (form === "stream") return streamOf(body);
  if (body.length === 0) return form === "text" ? "" : null;
  const media = mediaType(contentType);
  if (form === "text" || (!form && media.startsWith("text/") && media !== "text/json")) return new TextDecoder().decode(body);
  if (!form && media !== JSON_TYPE && media !== "text/json" && !media.endsWith("+json")) return body;
  try {
    return parseJson(body);
  } catch (error) {
    throw new CheckpointError(
      `The data for step '${step}' (${contentType}) cannot be read as JSON: ${messageOf(error)} ` +
        'Use "bytes" or "text" to examine it in the handler.',
      { cause: error },
    );
  }
}

/** Takes a fetched response in. Statuses that ask to be called again are failures of the step. */
export async function encodeResponse(step: string, response: unknown, now: () => number): Promise<Encoded> {
  if (!(response instanceof Response)) throw new StepUsageError(`Step '${step}' does not return a Response. Return the response of fetch.`);
  if ([408, 429, 500, 502, 503, 504].includes(response.status)) {
    await response.body?.cancel();
    // Neither path nor query: they may hold what no log should.
    const who = response.url ? new URL(response.url).host : "The other side";
    const words = `${who} answered ${response.status}${response.statusText ? ` (${response.statusText})` : ""}.`;
    throw new FailedResponseError(words, response.status, retryAfter(response.headers, now));
  }
  const body = new Uint8Array(await response.arrayBuffer());
  const stored = {
    status: response.status,
    reason: response.statusText,
    version: "1.1",
    headers: [...response.headers].filter(([name]) => !LOST_HEADERS.has(name)),
    body: toBase64(body),
  };
  return { body: utf8(JSON.stringify(stored)), contentType: RESPONSE_TYPE };
}

/** They tell of a connection that is gone, or of an encoding that fetch has undone. */
const LOST_HEADERS = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "content-encoding",
  "content-length",
]);

function retryAfter(headers: Headers, now: () => number): number | undefined {
  const value = headers.get("retry-after")?.trim();
  if (!value) return undefined;
  const ms = /^\d+(\.\d+)?$/.test(value) ? Number(value) * 1000 : Date.parse(value) - now();
  return Number.isNaN(ms) ? undefined : Math.max(0, ms);
}

function parseResponse(body: Uint8Array): Response {
  const stored = parseJson(body) as { status: number; reason?: string; headers: [string, string][]; body: string };
  const content = fromBase64(stored.body);
  const response = new Response([101, 204, 205, 304].includes(stored.status) ? null : content, {
    status: stored.status,
    statusText: stored.reason ?? "",
  });
  for (const [name, value] of stored.headers) response.headers.append(name, value);
  return response;
}

/** @throws StepUsageError JSON cannot write it, or would lose it without a word. */
export function json(step: string, does: "gives" | "sends", value: unknown): Uint8Array<ArrayBuffer> {
  let text: string | undefined;
  try {
    text = JSON.stringify(value, function (this: Record<string, unknown>, key, written) {
      const lost = nameOfLost(this[key]);
      if (lost) throw new TypeError(key === "" ? `JSON cannot store a ${lost}.` : `JSON cannot store the ${lost} in '${key}'.`);
      return written;
    });
    if (text === undefined) throw new TypeError(`JSON cannot store a ${typeof value}.`);
  } catch (error) {
    if (error instanceof StepUsageError) throw error;
    const what = does === "gives" ? `The result of step '${step}'` : `The data that step '${step}' sends`;
    const executed = does === "gives" ? " The step was executed, but its outcome is not stored." : "";
    const reason = messageOf(error).replace(/\.?$/, ".");
    throw new StepUsageError(
      `${what} cannot be serialized to JSON: ${reason}${executed} Use plain data: an object of the data that is needed later.`,
      { cause: error },
    );
  }
  return utf8(text);
}

function nameOfLost(value: unknown): string | undefined {
  if (typeof value !== "object" || value === null || typeof (value as { toJSON?: unknown }).toJSON === "function") return undefined;
  for (const type of [
    Map,
    Set,
    WeakMap,
    WeakSet,
    Promise,
    RegExp,
    ArrayBuffer,
    ReadableStream,
    Response,
    Request,
    Headers,
    Blob,
    FormData,
    URLSearchParams,
  ]) {
    if (value instanceof type) return type.name;
  }
  return ArrayBuffer.isView(value) ? value.constructor.name : undefined;
}

export function toBase64(bytes: Uint8Array): string {
  let binary = "";
  for (let i = 0; i < bytes.length; i += 0x8000) binary += String.fromCharCode(...bytes.subarray(i, i + 0x8000));
  return btoa(binary);
}

export function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
}

export function parseJson(body: Uint8Array): unknown {
  return JSON.parse(new TextDecoder().decode(body));
}

function asBytes(value: unknown): Uint8Array<ArrayBuffer> | undefined {
  // A copy: what the handler does to its own afterwards must not reach a call that is repeated.
  if (value instanceof ArrayBuffer) return new Uint8Array(value.slice(0));
  return ArrayBuffer.isView(value) ? new Uint8Array(value.buffer, value.byteOffset, value.byteLength).slice() : undefined;
}

async function collect(stream: ReadableStream): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

function streamOf(body: Uint8Array): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      if (body.length > 0) controller.enqueue(body.slice());
      controller.close();
    },
  });
}

const mediaType = (contentType: string) => (contentType.split(";")[0] ?? "").trim().toLowerCase();

export const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error));
