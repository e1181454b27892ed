import assert from "node:assert/strict";
import { test } from "node:test";
import { readStepList } from "../src/core/step-list.js";
import { CheckpointError, type Step } from "../src/node.js";
import { FakeRun, resultOf, verdictOf } from "./support/fake-gateway.js";

const utf8 = (text: string) => new TextEncoder().encode(text);
const number = (value: number, length: number) => Uint8Array.from({ length }, (_, i) => Math.floor(value / 256 ** (length - 1 - i)) % 256);
const joined = (...parts: Uint8Array[]) => Uint8Array.from(parts.flatMap((part) => [...part]));
const text = (value: Uint8Array) => joined(number(value.length, 2), value);
const END = number(0, 4);

function record(kind: string, id: string | Uint8Array, type: string, contentType: string, body: Uint8Array): Uint8Array {
  const times = joined(number(7, 4), number(1_795_000_000_000, 8), number(1_795_000_000_001, 8));
  const texts = [typeof id === "string" ? utf8(id) : id, utf8(type), utf8(contentType)].map(text);
  const rest = joined(utf8(kind), times, ...texts, body);
  return joined(number(rest.length, 4), rest);
}

/** A stream that gives the bytes in pieces of a size, and may break in the end. */
function streamOf(bytes: Uint8Array, size = bytes.length || 1, broken?: Error): ReadableStream<Uint8Array> {
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      const piece = bytes.slice(at, at + size);
      at += size;
      if (piece.length > 0) controller.enqueue(piece);
      else if (broken) controller.error(broken);
      else controller.close();
    },
  });
}

const WHOLE = joined(
  record("C", "a ä/#2", "run", "image/png", Uint8Array.of(0, 255)),
  record("F", "\ufeffb", "wait", "", new Uint8Array()),
  END,
);

test("A list is read, however it is cut into pieces", async () => {
  for (let size = 1; size <= WHOLE.length; size++) {
    assert.deepEqual(
      [...(await readStepList(streamOf(WHOLE, size)))],
      [
        ["a ä/#2", { failed: false, contentType: "image/png", body: Uint8Array.of(0, 255), type: "run" }],
        ["\ufeffb", { failed: true, contentType: "", body: new Uint8Array(), type: "wait" }],
      ],
    );
  }
  assert.deepEqual([...(await readStepList(streamOf(END)))], []);
});

test("The bytes of an outcome are its own", async () => {
  const [outcome] = [...(await readStepList(streamOf(WHOLE))).values()];
  assert.equal(outcome?.body.buffer.byteLength, 2);
});

test("A list that was cut off says so, wherever it was", async () => {
  for (let length = 0; length < WHOLE.length; length++) {
    const error = await readStepList(streamOf(WHOLE.slice(0, length), 16)).catch((error) => error);
    assert.match(String(error), /^Error: .*cut off/, `after ${length} bytes`);
  }
  assert.match(String(await readStepList(null).catch((error) => error)), /cut off/);
  // A length that is longer than anything is not believed before the bytes have come.
  assert.match(String(await readStepList(streamOf(Uint8Array.of(255, 255, 255, 255, 67))).catch((error) => error)), /cut off/);
});

test("What is no list is refused as soon as it has come, and the rest of it is not read", async () => {
  const tooLong = record("C", "a", "run", "", new Uint8Array());
  tooLong[4 + 21] = 1;
  const tooLongInTheEnd = record("C", "a", "run", "", new Uint8Array());
  tooLongInTheEnd[tooLongInTheEnd.length - 1] = 1;
  const short = (bytes: number[]) => joined(number(bytes.length, 4), Uint8Array.from(bytes), END);
  const head = [67, ...new Array(20).fill(0)];
  for (const [bytes, why] of [
    [joined(record("X", "a", "run", "", utf8("1")), END), /unknown kind 88/],
    [joined(END, Uint8Array.of(1)), /bytes follow its end/],
    [short([67, 0, 0]), /too short/],
    [short(head), /longer than its record/],
    [short([...head, 0]), /longer than its record/],
    [short([...head, 0, 1]), /longer than its record/],
    [joined(tooLong, END), /longer than its record/],
    [joined(tooLongInTheEnd, END), /longer than its record/],
    [joined(record("C", Uint8Array.of(0xc3, 0x28), "run", "", utf8("1")), END), /not UTF-8/],
  ] as const) {
    let cancelled = false;
    const list = new ReadableStream<Uint8Array>({
      start(controller) {
        controller.enqueue(bytes);
        // It never ends.
      },
      cancel() {
        cancelled = true;
      },
    });
    const error = await readStepList(list).catch((error) => error);
    assert.ok(error instanceof CheckpointError, String(error));
    assert.match(error.message, why);
    assert.ok(cancelled);
  }
});

const handler = (step: Step) => step.run("a", () => assert.fail("executed again"));
const LIST = { "content-type": "application/vnd.durable.steps" };
const respond = (run: FakeRun, ...answers: (() => Response)[]) => {
  run.instead = ({ method }) => (method === "GET" ? (answers.length > 1 ? answers.shift() : answers[0])?.() : undefined);
};
const STORED = joined(record("C", "a", "run", "application/json", utf8("5")), END);
const replay = { inlined: false, headers: { "durable-step-count": "1" } };

test("The gateway is asked for the binary form, and JSON is read from one that does not know it", async () => {
  for (const answer of [
    () => new Response(STORED, { headers: LIST }),
    () => new Response(streamOf(STORED, 3), { headers: { "content-type": "Application/Vnd.Durable.Steps ; v=1" } }),
    () => Response.json([{ id: "a", type: "run", outcome: "completed", contentType: "application/json", body: "NQ==", more: 1 }]),
  ]) {
    const run = new FakeRun();
    respond(run, answer);
    assert.equal(resultOf(await run.attempt(handler, replay)), 5);
    assert.equal(run.calls[0]?.headers.get("accept"), "application/vnd.durable.steps, application/json;q=0.9");
  }
});

test("A list that was cut off is asked for again", async () => {
  const run = new FakeRun();
  respond(
    run,
    () => new Response(STORED.slice(0, -4), { headers: LIST }),
    () => new Response(streamOf(STORED.slice(0, 9), 4, new TypeError("terminated")), { headers: LIST }),
    () => new Response(STORED, { headers: LIST }),
  );
  assert.equal(resultOf(await run.attempt(handler, replay)), 5);
  assert.equal(run.calls.length, 3);
});

test("A list that stays cut off, or is none, fails the attempt", async () => {
  for (const [list, calls, why] of [
    [STORED.slice(0, -1), 5, /cut off/],
    [joined(STORED, STORED), 1, /bytes follow its end/],
  ] as const) {
    const run = new FakeRun();
    respond(run, () => new Response(list, { headers: LIST }));
    const verdict = verdictOf(await run.attempt(handler, replay));
    assert.deepEqual([verdict.status, verdict.headers["durable-retry"], run.calls.length], [500, "?1", calls]);
    assert.match(String(verdict.problem?.detail), why);
  }
});

test("A refusal is no list, whatever its type says", async () => {
  const run = new FakeRun();
  respond(run, () => new Response('{"title":"damaged"}', { status: 502, headers: LIST }));
  const verdict = verdictOf(await run.attempt(handler, replay));
  assert.match(String(verdict.problem?.detail), /502 \(damaged\)/);
});
