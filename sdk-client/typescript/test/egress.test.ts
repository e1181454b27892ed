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
