import { CheckpointError } from "./errors.js";
import type { Outcome } from "./fields.js";

/** Stored outcomes in their binary form: see "Reading" of the wire contract. */
export const STEP_LIST_TYPE = "application/vnd.durable.steps";

const COMPLETED = 0x43;
const FAILED = 0x46;
/** The kind of the outcome, its attempt and its times. */
const HEAD_BYTES = 1 + 4 + 8 + 8;

/**
 * Reads a list while it comes: at any time, what has come and is not read yet is one record at most.
 *
 * @throws CheckpointError It is no such list.
 * @throws Error It was cut off, and may be asked for again.
 */
export async function readStepList(list: ReadableStream<Uint8Array> | null): Promise<Map<string, Outcome>> {
  const steps = new Map<string, Outcome>();
  const bytes = new Bytes(list);
  try {
    while (true) {
      const length = numberAt(await bytes.take(4), 0, 4);
      if (length === 0) break;
      if (length < HEAD_BYTES) throw unreadable(`a record is too short`);
      const [id, outcome] = outcomeOf(await bytes.take(length));
      steps.set(id, outcome);
    }
    if (!(await bytes.isAtEnd())) throw unreadable("bytes follow its end");
    return steps;
  } finally {
    await bytes.cancel();
  }
}

function outcomeOf(record: Uint8Array): [string, Outcome] {
  const kind = record[0];
  if (kind !== COMPLETED && kind !== FAILED) throw unreadable(`an outcome has the unknown kind ${kind}`);
  let at = HEAD_BYTES;
  const text = () => {
    if (at + 2 > record.length) throw unreadable("a text is longer than its record");
    const begin = at + 2;
    at = begin + numberAt(record, at, 2);
    if (at > record.length) throw unreadable("a text is longer than its record");
    return decode(record.subarray(begin, at));
  };
  const id = text();
  const type = text();
  const contentType = text();
  // Bytes of its own: a handler may get them as its step's result.
  return [id, { failed: kind === FAILED, contentType, body: record.slice(at), type }];
}

// An id is what it is, even if it begins with a byte order mark. With a replacement character in it, it would be that of another step.
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function decode(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch {
    throw unreadable("a text is not UTF-8");
  }
}

function numberAt(bytes: Uint8Array, at: number, length: number): number {
  let number = 0;
  for (let i = at; i < at + length; i++) number = number * 256 + (bytes[i] as number);
  return number;
}

const unreadable = (why: string) => new CheckpointError(`The gateway's list of steps cannot be read: ${why}.`);

/** Bytes of a stream, as many at a time as are asked for. */
class Bytes {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  #chunk = new Uint8Array();
  #at = 0;

  constructor(stream: ReadableStream<Uint8Array> | null) {
    this.#reader = stream?.getReader();
  }

  /** The next bytes; they are to be read before the next call. @throws Error There are not as many. */
  async take(count: number): Promise<Uint8Array> {
    const pieces: Uint8Array[] = [];
    for (let missing = count; ; ) {
      const piece = this.#chunk.subarray(this.#at, this.#at + missing);
      this.#at += piece.length;
      missing -= piece.length;
      if (pieces.length === 0 && missing === 0) return piece;
      pieces.push(piece);
      if (missing === 0) return concatenated(pieces, count);
      if (!(await this.#next())) throw new Error("The gateway's list of steps is cut off.");
    }
  }

  async isAtEnd(): Promise<boolean> {
    while (this.#at === this.#chunk.length) if (!(await this.#next())) return true;
    return false;
  }

  /** Leaves what has not been read. The error that matters is another one. */
  async cancel(): Promise<void> {
    await this.#reader?.cancel().catch(() => {});
  }

  async #next(): Promise<boolean> {
    const next = await this.#reader?.read();
    if (!next || next.done) return false;
    this.#chunk = next.value as Uint8Array<ArrayBuffer>;
    this.#at = 0;
    return true;
  }
}

/** The length that a record names is believed when all of it has come. */
function concatenated(pieces: readonly Uint8Array[], count: number): Uint8Array {
  const whole = new Uint8Array(count);
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}
