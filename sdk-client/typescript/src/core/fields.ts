import { type BareItem, parseList, serializeItem, serializeList, Token } from "structured-headers";

/** A stored outcome of a step. */
export interface Outcome {
  readonly failed: boolean;
  readonly contentType: string;
  readonly body: Uint8Array;
  /** The step's type; absent where it is not known. */
  readonly type?: string | undefined;
}

const textEncoder = new TextEncoder();
const isPrintable = (text: string) => /^[\x20-\x7e]*$/.test(text);

/** Percent-encoded UTF-8 of all that is not unreserved (RFC 3986). @throws URIError It has a lone surrogate. */
export function percentEncode(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
}

/** A String (RFC 9651). One that it cannot hold is percent-encoded first. */
export function stringField(text: string): string {
  return serializeItem([isPrintable(text) ? text : percentEncode(text), new Map()]);
}

/** Free text for a header: what is not visible ASCII is percent-encoded, and so is the percent sign, so that it can be told back. */
export const textField = (text: string) => encode(text, (c) => c > 0x20 && c <= 0x7e && c !== 0x25);

/** A request target for a header. It is percent-encoded by its nature: only what may not stand in one is encoded here. */
export const targetField = (target: string) =>
  encode(target, (c) => c > 0x20 && c <= 0x7e && !'"<>\\^`{|}'.includes(String.fromCharCode(c)));

function encode(text: string, stands: (byte: number) => boolean): string {
  let result = "";
  for (const byte of textEncoder.encode(text)) {
    result += stands(byte) ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return result;
}

/** The Dictionary of `Durable-Step-Retry`; delays are milliseconds. */
export function retryField(how: {
  maxAttempts?: number | undefined;
  delay?: number | undefined;
  maxDelay?: number | undefined;
  backoff?: string | undefined;
}): string | undefined {
  const members: Record<string, string> = {};
  const decimal = (ms: number) => (Math.round(ms) / 1000).toFixed(3).replace(/0{1,2}$/, "");
  if (how.maxAttempts !== undefined) members["max-attempts"] = how.maxAttempts.toString();
  if (how.delay !== undefined) members.delay = decimal(how.delay);
  if (how.maxDelay !== undefined) members["max-delay"] = decimal(how.maxDelay);
  if (how.backoff !== undefined) members.backoff = how.backoff;
  const keys = Object.keys(members);
  // A Decimal that is a whole number, such as 2.0, would be written as the Integer 2 from a number. Both are read alike; this is the type
  // it has.
  return keys.length === 0 ? undefined : keys.map((key) => `${key}=${members[key]}`).join(", ");
}

/** Reads `Durable-Steps`. @throws Error It is no such list. */
export function parseSteps(value: string | null): Map<string, Outcome> {
  const steps = new Map<string, Outcome>();
  for (const [id, parameters] of value?.trim() ? parseList(value) : []) {
    if (typeof id !== "string") throw new SyntaxError("a member of Durable-Steps is not a String");
    const ok = bytes(parameters.get("ok"));
    const err = bytes(parameters.get("err"));
    const body = ok ?? err;
    if (!body) continue;
    const contentType = parameters.get("ct");
    const type = parameters.get("t");
    steps.set(id, {
      failed: !ok,
      contentType: typeof contentType === "string" ? contentType : ok ? "application/json" : "application/problem+json",
      body,
      type: type === undefined ? "run" : type.toString(),
    });
  }
  return steps;
}

function bytes(item: BareItem | undefined): Uint8Array | undefined {
  return item instanceof ArrayBuffer ? new Uint8Array(item) : undefined;
}

export type Mismatch = { id: string; unused: true } | { id: string; stored: string; asked: string };

/** The List of `Durable-Mismatch`, as long as a header may be; `undefined`: there is none. */
export function mismatchField(mismatches: readonly Mismatch[]): string | undefined {
  const maxChars = 4096;
  const items: string[] = [];
  let length = 0;
  for (const mismatch of mismatches) {
    const parameters: [string, BareItem][] =
      "unused" in mismatch
        ? [["unused", true]]
        : [
            ["stored", new Token(mismatch.stored)],
            ["asked", new Token(mismatch.asked)],
          ];
    const id = isPrintable(mismatch.id) ? mismatch.id : percentEncode(mismatch.id);
    const item = serializeList([[id, new Map(parameters)]]);
    length += item.length + 2;
    // A header that is too long would cost the answer; that there is a difference is said by the first ones.
    if (length > maxChars) break;
    items.push(item);
  }
  return items.length === 0 ? undefined : items.join(", ");
}

export function isToken(text: string): boolean {
  return /^[A-Za-z*][!#$%&'*+\-.^_`|~:/A-Za-z0-9]*$/.test(text);
}
