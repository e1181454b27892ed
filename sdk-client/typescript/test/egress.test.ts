import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, beforeEach, test } from "node:test";
import { egressFetch, egressHeaders } from "../src/node.js";
import { FakeRun, resultOf } from "./support/fake-gateway.js";

const seen = new Map<string, string>();
const server = createServer((request, response) => {
  const { "durable-egress-token": token, "durable-in-step": inStep, "x-own": own } = request.headers;
  seen.set(request.url ?? "", `${token} ${inStep} ${own}`);
  response.end("ok");
});
let origin = "";

before(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
after(() => server.close());
beforeEach(() => seen.clear());

test("egressFetch hands the token on, and marks calls of steps", async () => {
  const call = async (path: string) => (await egressFetch(origin + path, { headers: { "x-own": "1" } })).text();
  resultOf(
    await new FakeRun().attempt(
      async (step) => {
        await call("/handler");
        await step.run("pay", () => call("/step"));
        await call("/after");
        await egressFetch(new Request(`${origin}/request`, { headers: { "x-own": "2" } }));
      },
      { headers: { "durable-egress-token": "e.t" } },
    ),
  );
  await call("/nowhere");
  assert.deepEqual(Object.fromEntries(seen), {
    "/handler": "e.t undefined 1",
    "/step": "e.t ?1 1",
    "/after": "e.t undefined 1",
    "/request": "e.t undefined 2",
    "/nowhere": "undefined undefined 1",
  });
});

interface Place {
  readonly origin: string;
  readonly seen: string[];
  close(): void;
}

/** A server. `/302?/next` redirects to a path there, and `/302?http://other/next` to another server. */
async function place(): Promise<Place> {
  const seen: string[] = [];
  const listener = createServer(async (request, response) => {
    const { "durable-egress-token": token = "", "durable-in-step": inStep = "", authorization = "", "x-own": own = "" } = request.headers;
    let body = "";
    for await (const part of request) body += part;
    const [path = "", location] = (request.url ?? "").split(/\?(.*)/s);
    seen.push([request.method, path, token, inStep, authorization, own, request.headers["content-type"] ? "typed" : "", body].join(" "));
    if (location) response.writeHead(Number(path.slice(1)), { location });
    response.end("ok");
  });
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
  return { origin: `http://127.0.0.1:${(listener.address() as AddressInfo).port}`, seen, close: () => listener.close() };
}

/** What a function gives that is called in a step of a run with a token. */
async function inStep<T>(body: () => Promise<T>): Promise<T> {
  let made: Promise<T> | undefined;
  const call = async (step: { run(name: string, body: () => Promise<null>): Promise<unknown> }) => {
    await step.run("pay", async () => {
      made = body();
      await made.catch(() => null);
      return null;
    });
  };
  await new FakeRun().attempt(call, { headers: { "durable-egress-token": "e.t" } });
  assert.ok(made);
  return made;
}

/** With `near`, which redirects, and `far`, which is another origin. */
function withTwo(name: string, body: (near: Place, far: Place) => Promise<void>): void {
  test(name, async () => {
    const [near, far] = [await place(), await place()];
    try {
      await body(near, far);
    } finally {
      near.close();
      far.close();
    }
  });
}

withTwo("A redirect of egressFetch takes the headers to the same origin, and to no other", async (near, far) => {
  const init = { headers: { authorization: "own", "x-own": "own" } };
  const response = await inStep(() => egressFetch(`${near.origin}/302?/302?${far.origin}/302?${near.origin}/end`, init));
  assert.deepEqual([response.status, response.url, response.redirected], [200, `${near.origin}/end`, true]);
  // Once dropped, they do not come back.
  assert.deepEqual(near.seen, ["GET /302 e.t ?1 own own  ", "GET /302 e.t ?1 own own  ", "GET /end    own  "]);
  assert.deepEqual(far.seen, ["GET /302    own  "]);
});

withTwo("step.fetch does the same, if it is given the headers", async (near, far) => {
  await new FakeRun().attempt((step) => step.fetch("a", `${near.origin}/302?${far.origin}/end`, { headers: egressHeaders() }), {
    headers: { "durable-egress-token": "e.t" },
  });
  assert.deepEqual([near.seen, far.seen], [["GET /302 e.t ?1    "], ["GET /end      "]]);
});

for (const [status, method, expected] of [
  [301, "POST", "GET /end      "],
  [302, "POST", "GET /end      "],
  [302, "PUT", "PUT /end     typed body"],
  [303, "PUT", "GET /end      "],
  [307, "POST", "POST /end     typed body"],
  [308, "POST", "POST /end     typed body"],
] as const) {
  withTwo(`After a ${status} of ${method}, egressFetch sends what fetch would`, async (near, far) => {
    const url = `${near.origin}/${status}?${far.origin}/end`;
    const init = { method, body: "body" };
    for (const call of [fetch, egressFetch]) {
      await inStep(() => call(url, init));
      await inStep(() => call(new Request(url, init)));
    }
    assert.deepEqual(far.seen, Array(4).fill(expected));
  });
}

withTwo("egressFetch follows redirects as the caller says, and not for ever", async (near, far) => {
  const url = `${near.origin}/302?${far.origin}/end`;
  assert.equal((await inStep(() => egressFetch(url, { redirect: "manual" }))).status, 302);
  assert.equal((await inStep(() => egressFetch(new Request(url, { redirect: "manual" })))).status, 302);
  await assert.rejects(inStep(() => egressFetch(url, { redirect: "error" })));
  const streamed = { method: "POST", body: new Blob(["body"]).stream(), duplex: "half" } as RequestInit;
  await assert.rejects(
    inStep(() => egressFetch(`${near.origin}/307?${far.origin}/end`, streamed)),
    /stream/,
  );
  assert.deepEqual(far.seen, []);
  near.seen.length = 0;
  await assert.rejects(
    inStep(() => egressFetch(`${near.origin}/${"302?/".repeat(30)}end`)),
    /20 redirects/,
  );
  assert.equal(near.seen.length, 21);
});

test("step.fetch marks its call, if the gateway has an egress listener", async () => {
  for (const [token, mark] of [
    ["e.t", "?1"],
    ["", "undefined"],
  ]) {
    const headers: Record<string, string> = token ? { "durable-egress-token": token } : {};
    await new FakeRun().attempt(
      async (step) => {
        await step.fetch("a", `${origin}/a`, { headers: { "x-own": "1" } });
        await step.fetch("b", new Request(`${origin}/b`, { headers: { "x-own": "2" } }));
      },
      { headers },
    );
    assert.equal(seen.get("/a"), `undefined ${mark} 1`);
    assert.equal(seen.get("/b"), `undefined ${mark} 2`);
  }
});

test("There are no headers where there is no listener", async () => {
  assert.deepEqual(egressHeaders(), {});
  assert.deepEqual(resultOf(await new FakeRun().attempt(() => egressHeaders())), {});
});
