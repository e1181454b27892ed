/** A program of tests/conformance/PROGRAM.md: a handler as JSON. */
export interface Program {
  case: string;
  do: Operation[];
}

export interface Failure {
  times?: number;
  kind?: "error" | "final" | "later";
  message?: string;
  clientMessage?: string;
  seconds?: number;
}

export interface Body {
  name: string;
  ms?: number;
  after?: string;
  hold?: boolean;
  exit?: { times: number };
  fail?: Failure;
  result?: unknown;
  size?: number;
  bytes?: string;
  as?: "stream" | "object";
  options?: {
    atMostOnce?: boolean;
    maxAttempts?: number;
    delay?: number;
    maxDelay?: number;
    backoff?: "exponential" | "linear" | "constant";
    timeout?: number;
  };
}

type Lists = Operation[][];

export type Operation = { in?: number[] } & (
  | ({ op: "run" | "rollback" } & Body)
  | { op: "sleep"; name: string; seconds: number }
  | { op: "sleepUntil"; name: string; until: string }
  | { op: "event"; name: string; type: string; key?: string; timeout?: number; lookback?: number }
  | { op: "callback"; name: string; timeout?: number; fail?: Failure }
  | { op: "invoke"; name: string; path: string; method?: string; body?: unknown }
  | { op: "send"; name: string; type: string; key?: string; data?: unknown }
  | { op: "fetch"; name: string; url: string }
  | { op: "egress"; name: string }
  | { op: "parallel" | "first"; branches: Lists }
  | { op: "repeat"; times: number; do: Operation[] }
  | { op: "try"; do: Operation[]; catch: Operation[] }
  | ({ op: "throw" } & Failure)
  | { op: "work"; ms: number }
  | { op: "respond"; status: number; body: unknown; headers?: Record<string, string> }
  | { op: "stream"; events: number; exit?: { times: number; after: number } }
  | { op: "exit" }
  | { op: "nested"; name: string; inner: string }
);

const OTHERS = "sleep sleepUntil event callback invoke send fetch egress";
const KNOWN = new Set<string>(`run rollback ${OTHERS} parallel first repeat try throw work respond stream exit nested`.split(" "));

/** The operations of a program that this service does not know. */
export function unknownIn(operations: readonly Operation[]): string[] {
  return operations.flatMap((operation) => {
    const { op, ...members } = operation as { op: string; do?: Operation[]; catch?: Operation[]; branches?: Lists };
    const inner = [...(members.do ?? []), ...(members.catch ?? []), ...(members.branches ?? []).flat()];
    return [...(KNOWN.has(op) ? [] : [op]), ...unknownIn(inner)];
  });
}
