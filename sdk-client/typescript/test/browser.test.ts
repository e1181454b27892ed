import assert from "node:assert/strict";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, beforeEach, test } from "node:test";
import { cancelRun, durableFetch, type Progress } from "../src/browser.js";
import { readEvents } from "../src/client/events.js";

type Answer = (request: IncomingMessage, response: ServerResponse, body: string) => void;

let origin = "";
let script: Answer[] = [];
let seen: { line: string; headers: IncomingMessage["headers"]; body: string }[] = [];
const server = createServer(async (request, response) => {
  let body = "";
  for await (const chunk of request) body += chunk;
  seen.push({ line: `${request.method} ${request.url}`, headers: request.headers, body });
  const answer = script.shift();
  if (answer) answer(request, response, body);
  else response.writeHead(599).end("nothing more was expected");
});
before(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
after(() => {
  server.close();
  server.closeAllConnections();
});
beforeEach(() => {
  script = [];
  seen = [];
});

const RESULT = "/_durable/v1/results/run-1?token=t";
const done: Answer = (_, response) => response.writeHead(200, { "durable-status": "completed", "content-type": "text/plain" }).end("done");
const lost: Answer = (request) => request.socket.destroy();
const accepted: Answer = (_, response) =>
  response.writeHead(202, { location: RESULT, "preference-applied": "respond-async", "durable-run-id": "run-1", "retry-after": "1" }).end();
const gatewayProblem =
  (status: number, name: string, headers: Record<string, string> = {}): Answer =>
  (_, response) =>
    response
      .writeHead(status, { ...headers, "content-type": "application/problem+json" })
      .end(JSON.stringify({ type: `/_durable/problems/${name}`, status }));

class Memory {
  readonly kept = new Map<string, string>();
  getItem = (name: string) => this.kept.get(name) ?? null;
  setItem = (name: string, value: string) => void this.kept.set(name, value);
  removeItem = (name: string) => void this.kept.delete(name);
}

test("An answer is given as it is, and the request bore a key", async () => {
  script = [done];
  const response = await durableFetch(`${origin}/orders`, { method: "POST", body: "x" });
  assert.deepEqual([response.status, await response.text(), response.url], [200, "done", `${origin}/orders`]);
  assert.match(String(seen[0]?.headers["idempotency-key"]), /^"[0-9a-f]{32}"$/);
  assert.equal(seen[0]?.headers.prefer, undefined);
});

test("A fetch is called as a function: a browser's refuses to be a method", async () => {
  script = [done];
  const fetch = function (this: unknown, ...args: Parameters<typeof globalThis.fetch>) {
    assert.equal(this, undefined);
    return globalThis.fetch(...args);
  };
  assert.equal((await durableFetch(`${origin}/orders`, { fetch, maxFailures: 0 })).status, 200);
});

test("GET needs no key, and a key of the caller's is kept", async () => {
  script = [done, done];
  await durableFetch(`${origin}/orders`);
  assert.equal(seen[0]?.headers["idempotency-key"], undefined);
  await durableFetch(`${origin}/orders`, { method: "POST", idempotencyKey: "o-1" });
  assert.equal(seen[1]?.headers["idempotency-key"], '"o-1"');
});

test("The redirect is followed, and what is not there yet is asked for again", async () => {
  script = [
    (_, response) => response.writeHead(303, { location: `.${RESULT}` }).end(),
    (_, response) => response.writeHead(202, { location: RESULT, "durable-status": "waiting" }).end("{}"),
    done,
  ];
  assert.equal(await (await durableFetch(`${origin}/orders`, { method: "POST", body: "x" })).text(), "done");
  assert.deepEqual(
    seen.map(({ line }) => line),
    ["POST /orders", `GET ${RESULT}`, `GET ${RESULT}`],
  );
});

test("A 202 of the service is its answer", async () => {
  script = [(_, response) => response.writeHead(202, { location: "/jobs/1" }).end()];
  assert.equal((await durableFetch(`${origin}/jobs`, { method: "POST" })).status, 202);
});

test("A request whose answer was lost is sent again, with the same key and body", async () => {
  script = [lost, lost, done];
  assert.equal(await (await durableFetch(`${origin}/orders`, { method: "POST", body: "payload" })).text(), "done");
  assert.deepEqual(new Set(seen.map(({ headers }) => headers["idempotency-key"])).size, 1);
  assert.ok(seen.every(({ body }) => body === "payload"));
});

test("A body that is cut off is fetched from the result URL", async () => {
  script = [
    (request, response) => {
      response.writeHead(200, { "durable-result": RESULT, "content-length": "100" });
      response.write("half", () => request.socket.destroy());
    },
    done,
  ];
  assert.equal(await (await durableFetch(`${origin}/orders`, { method: "POST" })).text(), "done");
  assert.equal(seen[1]?.line, `GET ${RESULT}`);
});

test("While the store is away it is asked again; a 503 of the service is its answer", async () => {
  script = [
    gatewayProblem(503, "store-unavailable", { "retry-after": "0" }),
    gatewayProblem(503, "store-unavailable", { "durable-result": RESULT }),
    gatewayProblem(404, "result-unknown"),
    done,
    (_, response) => response.writeHead(503, { "content-type": "application/problem+json" }).end('{"title":"closed"}'),
  ];
  assert.equal(await (await durableFetch(`${origin}/orders`, { method: "POST" })).text(), "done");
  assert.deepEqual(
    seen.map(({ line }) => line),
    ["POST /orders", "POST /orders", `GET ${RESULT}`, "POST /orders"],
  );
  assert.equal((await durableFetch(`${origin}/orders`, { method: "POST" })).status, 503);
});

test("Who fails too often is told why", async () => {
  script = [lost, lost, lost];
  await assert.rejects(durableFetch(`${origin}/orders`, { method: "POST", maxFailures: 1 }), TypeError);
  assert.equal(seen.length, 2);
});

test("The signal ends the waiting", async () => {
  const controller = new AbortController();
  script = [() => controller.abort(new Error("enough"))];
  await assert.rejects(durableFetch(`${origin}/orders`, { method: "POST", signal: controller.signal }), /enough/);
  assert.equal(seen.length, 1);
});

test("Progress is told event by event, across a lost connection", async () => {
  const events =
    (text: string, end: boolean): Answer =>
    (request, response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write(text, () => (end ? response.end() : request.socket.destroy()));
    };
  script = [
    accepted,
    events(
      'id: h1\nevent: attempt\ndata: {"attempt":1,"time":"t"}\n\n' +
        'id: h2\r\nevent: step\r\ndata: {"attempt":1,"step":"charge","state":"completed","time":"t"}\r\n\r\nid: h3\nevent: st',
      false,
    ),
    events(': comment\n\nid: h3\nevent: suspended\ndata: {"attempt":1,"time":"t"}\n\nid: h-end\nevent: result\ndata: {}\n\n', true),
    done,
  ];
  const told: Progress[] = [];
  const response = await durableFetch(`${origin}/orders`, { method: "POST", onProgress: (progress) => told.push(progress) });
  assert.equal(await response.text(), "done");
  assert.equal(seen[0]?.headers.prefer, "respond-async");
  assert.deepEqual(
    told.map(({ type }) => type),
    ["accepted", "attempt", "step", "interrupted", "suspended"],
  );
  assert.deepEqual(told[0], { type: "accepted", runId: "run-1", url: `${origin}${RESULT}` });
  assert.equal(seen[2]?.headers["last-event-id"], "h2");
});

test("After a reload the same run is waited for", async () => {
  const storage = new Memory();
  const page = new AbortController();
  script = [accepted, () => page.abort()];
  await assert.rejects(durableFetch(`${origin}/orders`, { method: "POST", resume: "checkout", storage, signal: page.signal }));
  assert.equal(storage.kept.size, 1);

  script = [done];
  const response = await durableFetch(`${origin}/orders`, { method: "POST", resume: "checkout", storage });
  assert.equal(await response.text(), "done");
  assert.equal(seen.at(-1)?.line, `GET ${RESULT}`);
  assert.equal(storage.kept.size, 0, "the next one is a new request");
});

test("A reload before the answer sends the request again, with the same key", async () => {
  const storage = new Memory();
  const page = new AbortController();
  script = [() => page.abort()];
  await assert.rejects(durableFetch(`${origin}/orders`, { method: "POST", resume: "checkout", storage, signal: page.signal }));
  script = [accepted, done];
  await durableFetch(`${origin}/orders`, { method: "POST", resume: "checkout", storage });
  assert.equal(seen[0]?.headers["idempotency-key"], seen[1]?.headers["idempotency-key"]);
});

test("A result that is past its retention is no result of the next request", async () => {
  const storage = new Memory();
  storage.kept.set("durable-gateway:checkout", JSON.stringify({ url: `${origin}${RESULT}` }));
  script = [gatewayProblem(410, "result-expired"), done];
  assert.equal(await (await durableFetch(`${origin}/orders`, { method: "POST", resume: "checkout", storage })).text(), "done");
  assert.equal(seen[1]?.line, "POST /orders");
});

test("A run is cancelled where its policy allows it", async () => {
  script = [(_, response) => response.writeHead(204).end(), gatewayProblem(409, "run-ended"), gatewayProblem(403, "cancel-not-allowed")];
  assert.equal(await cancelRun(`${origin}${RESULT}`), true);
  assert.equal(await cancelRun(`${origin}${RESULT}`), false);
  await assert.rejects(cancelRun(`${origin}${RESULT}`), /does not allow/);
  assert.equal(seen[0]?.line, "DELETE /_durable/v1/results/run-1/run?token=t");
});

test("Events are read whatever their lines end with, and however they are cut", async () => {
  const text = "data: a\r\ndata\rdata:b\n\nid:7\nevent: x\ndata:  c\n\ndata: lost";
  for (let size = 1; size < 9; size++) {
    const pieces = new ReadableStream<Uint8Array>({
      start(controller) {
        for (let i = 0; i < text.length; i += size) controller.enqueue(new TextEncoder().encode(text.slice(i, i + size)));
        controller.close();
      },
    });
    const events = [];
    for await (const event of readEvents(pieces)) events.push(event);
    assert.deepEqual(events, [
      { id: undefined, event: "message", data: "a\n\nb" },
      { id: "7", event: "x", data: " c" },
    ]);
  }
});
