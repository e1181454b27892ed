import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, test } from "node:test";
import {
  type Duration,
  type Jsonify,
  NonRetriableError,
  RetryAfterError,
  type Step,
  StepError,
  StepUsageError,
  type Stored,
} from "../src/node.js";
import { TestRun } from "../src/testing.js";
import { FakeRun, resultOf, verdictOf } from "./support/fake-gateway.js";

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const same = <A, B>(_: Same<A, B>) => {};

test("Types say what survives JSON", () => {
  interface Order {
    id: string;
    at: Date;
    lines: { count: number; note?: string; skip: () => void }[];
    state: "open" | "paid";
    maybe: number | undefined;
    nothing: null;
    extra: unknown;
  }
  same<
    Jsonify<Order>,
    {
      id: string;
      at: string;
      lines: { count: number; note?: string }[];
      state: "open" | "paid";
      maybe?: number;
      nothing: null;
      extra: unknown;
    }
  >(true);
  same<Jsonify<[Date, undefined, 1]>, [string, null, 1]>(true);
  same<Jsonify<Map<string, number>>, never>(true);
  same<Jsonify<{ a: bigint }>, { a: never }>(true);
  same<Jsonify<string | Date | null>, string | null>(true);
  // biome-ignore lint/suspicious/noExplicitAny: it stays what it is.
  same<Jsonify<any>, any>(true);
  same<Stored<undefined>, undefined>(true);
  same<Stored<Buffer>, Uint8Array<ArrayBuffer>>(true);
  same<Stored<ReadableStream<string>>, ReadableStream<Uint8Array<ArrayBuffer>>>(true);
  same<Stored<Date>, string>(true);
  const typed = async (step: Step) => {
    same<Awaited<ReturnType<typeof date>>, string>(true);
    const date = () => step.run("a", () => new Date());
    const none = () => step.run("a", async () => {});
    same<Awaited<ReturnType<typeof none>>, void>(true);
    const event = () => step.waitForEvent<{ a: 1 }>("e", "t");
    same<Awaited<ReturnType<typeof event>>, { a: 1 } | null>(true);
    const bytes = () => step.waitForCallback("e", () => {}, { as: "bytes" });
    same<Awaited<ReturnType<typeof bytes>>, Uint8Array<ArrayBuffer>>(true);
    // @ts-expect-error a unit that there is none of
    const wrong: Duration = "3 fortnights";
    return wrong;
  };
  assert.ok(typed);
});

const kinds: [string, () => unknown, string, (got: unknown) => unknown][] = [
  ["bytes", () => new Uint8Array([0, 255]), "application/octet-stream", (got) => assert.deepEqual(got, new Uint8Array([0, 255]))],
  [
    "a Buffer",
    () => Buffer.from("hé"),
    "application/octet-stream",
    (got) => assert.equal(new TextDecoder().decode(got as Uint8Array), "hé"),
  ],
  ["an ArrayBuffer", () => new Uint8Array([1]).buffer, "application/octet-stream", (got) => assert.deepEqual(got, new Uint8Array([1]))],
  ["no bytes", () => new Uint8Array(), "application/octet-stream", (got) => assert.deepEqual(got, new Uint8Array())],
  [
    "a stream",
    () => new Blob(["ab", "c"]).stream(),
    "application/octet-stream; form=stream",
    async (got) => assert.equal(await new Response(got as ReadableStream).text(), "abc"),
  ],
  ["nothing", () => undefined, "application/json", (got) => assert.equal(got, undefined)],
  ["null", () => null, "application/json", (got) => assert.equal(got, null)],
  ["unicode", () => "🜁 \u2028 \0", "application/json", (got) => assert.equal(got, "🜁 \u2028 \0")],
];
for (const [what, make, contentType, check] of kinds) {
  test(`${what} comes back as it was, from the first execution and from a replay`, async () => {
    const run = new FakeRun();
    for (let i = 0; i < 2; i++) await check(resultOf(await run.attempt((step) => step.run("a", make))));
    assert.equal(run.puts.length, 1);
    assert.equal(run.puts[0]?.headers.get("content-type"), contentType);
  });
}

for (const [what, make] of [
  ["a Map", () => new Map([[1, 2]])],
  ["a Set within", () => ({ a: [new Set()] })],
  ["bytes within", () => ({ image: new Uint8Array(3) })],
  ["a BigInt", () => ({ a: 1n })],
  ["a function", () => () => 1],
  ["a cycle", () => Object.assign([], { 0: globalThis })],
  ["a Response", () => new Response()],
] as [string, () => unknown][]) {
  test(`${what}, which JSON would lose, is an error of the handler`, async () => {
    const run = new FakeRun();
    const verdict = verdictOf(await run.attempt((step) => step.run("a", make)));
    assert.equal(verdict.headers["durable-retry"], "?0");
    assert.match(String(verdict.problem?.detail), /step 'a' (cannot be serialized|returns a Response)/i);
    assert.equal(run.puts.length, 0);
  });
}

test("A stream that breaks is a failed try", async () => {
  const run = new FakeRun();
  await run.attempt((step) => step.run("a", () => new ReadableStream({ pull: (controller) => controller.error(new Error("cut")) })));
  assert.match(run.puts[0]?.text ?? "", /cut/);
});

test("Arguments that cannot be right reject", async () => {
  const run = new FakeRun();
  await run.attempt(async (step) => {
    await assert.rejects(step.sleep("a", -1), RangeError);
    await assert.rejects(step.sleep("a", "soon" as never), RangeError);
    await assert.rejects(step.sleepUntil("a", "never"), RangeError);
    await assert.rejects(
      step.run("a", () => 1, { maxAttempts: 0 }),
      RangeError,
    );
    await assert.rejects(step.run("a", undefined as never), TypeError);
    await assert.rejects(step.waitForEvent("a", " "), TypeError);
    await assert.rejects(step.waitForEvent("a", "t", { key: "" }), TypeError);
    await assert.rejects(step.invoke("a", "//host/x"), TypeError);
    await assert.rejects(step.sendEvent("a", { type: "" }), TypeError);
    assert.throws(() => new RetryAfterError("x", -1), RangeError);
  });
  assert.equal(run.calls.length, 0);
});

test("instanceof knows errors of another copy of the package, and classes that extend them", () => {
  class Declined extends NonRetriableError {}
  assert.ok(new Declined("x") instanceof NonRetriableError);
  assert.ok(!(new NonRetriableError("x") instanceof Declined));
  const other = Object.assign(new Error("x"), { [Symbol.for("durable-gateway.error")]: "StepError" });
  assert.ok(other instanceof StepError && !((other as unknown) instanceof StepUsageError));
});

let origin = "";
const seen: string[] = [];
const server = createServer((request, response) => {
  seen.push(`${request.method} ${request.url}`);
  const status = Number(new URL(request.url ?? "", "http://x").searchParams.get("status") ?? 200);
  response
    .writeHead(status, { "retry-after": "7", "x-seen": String(seen.length), "content-type": "text/plain" })
    .end(status === 204 ? undefined : "hello");
});
before(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
after(() => server.close());

test("A response is kept, and each replay gets one of its own", async () => {
  const run = new FakeRun();
  seen.length = 0;
  for (let i = 0; i < 2; i++) {
    const response = resultOf(await run.attempt((step) => step.fetch("rate", new Request(`${origin}/eur`, { method: "POST", body: "x" }))));
    assert.deepEqual([response.status, response.headers.get("x-seen"), await response.text()], [200, "1", "hello"]);
  }
  assert.deepEqual(seen, ["POST /eur"]);
  assert.equal(run.puts[0]?.headers.get("content-type"), "application/vnd.durable.http-response+json");
  assert.equal(resultOf(await run.attempt((step) => step.fetch("gone", `${origin}/?status=404`))).status, 404);
  assert.equal(resultOf(await run.attempt((step) => step.fetch("empty", `${origin}/?status=204`))).body, null);
});

test("Statuses that ask to be called again are failed tries", async () => {
  const run = new FakeRun();
  await run.attempt((step) => step.fetch("rate", `${origin}/secret?status=503`));
  assert.equal(run.puts[0]?.headers.get("retry-after"), "7");
  assert.equal(JSON.parse(run.puts[0]?.text ?? "").status, 503);
  assert.doesNotMatch(run.puts[0]?.text ?? "", /secret/);
});

class ModelResult {
  readonly usage = { inputTokens: 1000, outputTokens: 500 };
  get text() {
    return "short";
  }
}

test("A model call keeps prompt, usage and cost beside its result", async () => {
  const run = new TestRun({ prices: { "gpt-4o": { input: 2.5, output: 10 }, gpt: { input: 100, output: 100 } } });
  let calls = 0;
  const generate = async (_: { model: string; prompt: string }) => {
    calls++;
    return new ModelResult();
  };
  const summary = (step: Step) =>
    step.ai.wrap({ name: "summary", maxAttempts: 2 }, generate, { model: "gpt-4o-2024-08-06", prompt: "Sum it up" });
  for (let i = 0; i < 2; i++) assert.equal((await run.run(summary)).text, "short");
  assert.equal(calls, 1);
  assert.deepEqual(run.stored("summary"), {
    result: { usage: { inputTokens: 1000, outputTokens: 500 }, text: "short" },
    attributes: {
      "gen_ai.request.model": "gpt-4o-2024-08-06",
      "gen_ai.response.model": "gpt-4o-2024-08-06",
      "gen_ai.input.messages": "Sum it up",
      "gen_ai.usage.input_tokens": 1000,
      "gen_ai.usage.output_tokens": 500,
      "gen_ai.usage.cost": 0.0075,
    },
  });
});
