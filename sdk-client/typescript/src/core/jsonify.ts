type Primitive = string | number | boolean | null;
/** JSON leaves them out of objects, and writes null for them in arrays. */
type Unwritten = undefined | symbol | ((...args: never[]) => unknown);
type IsAny<T> = 0 extends 1 & T ? true : false;
/** The error of the type checker names what JSON would lose. */
type Lossy =
  | bigint
  | Map<unknown, unknown>
  | ReadonlyMap<unknown, unknown>
  | Set<unknown>
  | ReadonlySet<unknown>
  | WeakMap<WeakKey, unknown>
  | WeakSet<WeakKey>
  | RegExp
  | ArrayBuffer
  | ArrayBufferView
  | PromiseLike<unknown>;

/** What a value is after it was written as JSON and read again. What JSON cannot keep is `never`. */
export type Jsonify<T> =
  IsAny<T> extends true
    ? T
    : unknown extends T
      ? T
      : T extends Primitive
        ? T
        : T extends { toJSON(...args: never[]): infer R }
          ? Jsonify<R>
          : T extends Unwritten | Lossy
            ? never
            : T extends readonly unknown[]
              ? { -readonly [K in keyof T]: JsonifyElement<T[K]> }
              : T extends object
                ? JsonifyObject<T>
                : never;

type JsonifyElement<T> = IsAny<T> extends true ? T : T extends Unwritten ? null : Jsonify<T>;

type Key<T, K extends keyof T> = K extends symbol ? never : IsAny<T[K]> extends true ? K : [T[K]] extends [Unwritten] ? never : K;

type JsonifyObject<T extends object> = Flat<
  {
    [K in keyof T as undefined extends T[K] ? never : Key<T, K>]: Jsonify<Exclude<T[K], Unwritten>>;
  } & {
    [K in keyof T as undefined extends T[K] ? (unknown extends T[K] ? never : Key<T, K>) : never]?: Jsonify<Exclude<T[K], Unwritten>>;
  } & {
    [K in keyof T as unknown extends T[K] ? Key<T, K> : never]: T[K];
  }
>;

type Flat<T> = { [K in keyof T]: T[K] };

/**
 * What a step that returned `T` gives, when it is executed and in each replay: bytes and streams as they are, anything else as JSON keeps
 * it.
 */
export type Stored<T> =
  IsAny<T> extends true
    ? T
    : unknown extends T
      ? T
      : T extends void
        ? T
        : T extends ReadableStream
          ? ReadableStream<Uint8Array<ArrayBuffer>>
          : T extends ArrayBuffer | ArrayBufferView
            ? Uint8Array<ArrayBuffer>
            : Jsonify<T>;
