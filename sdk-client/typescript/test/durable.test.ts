import assert from "node:assert/strict";
import { test } from "node:test";
import { Hono } from "hono";
import { durable, NonRetriableError, type Step, StepError, StepUsageError, step } from "../src/node.js";
import { TestRun } from "../src/testing.js";
import { FakeRun } from "./support/fake-gateway.js";

const request = (headers: Record<string, string> = {}, init: RequestInit = {}) =>
  new Request("http://service/orders", { method: "POST", ...init, headers });

test("A handler is wrapped as it is, and its response continues with what the gateway must know", async () => {
  const run = new FakeRun();
  const POST = durable(
    async (req: Request) => {
      const { id } = (await req.json()) as { id: string };
      return Response.json(await step.run("charge", () => `charged ${id}`), { status: 201 });
    },
    run.options({ build: "7" }),
  );
  const response = await POST(request(run.headers(), { body: '{"id":"o-1"}' }));
  assert.deepEqual([response.status, response.headers.get("durable-build"), await response.json()], [201, '"7"', "charged o-1"]);
});

test("The step is the second argument, and what the framework gives beyond the first follows", async () => {
  const PUT = durable(async (_req: Request, step: Step, context: { params: { id: string } }) =>
    Response.json([context.params.id, step.info.isDurable, await step.run("a", () => 1)]),
  );
  assert.deepEqual(await (await PUT(request(), { params: { id: "7" } })).json(), ["7", false, 1]);
});

test("Hono, Remix and SvelteKit call it with what has a request", async () => {
  const run = new FakeRun();
  const app = new Hono();
  app.post(
    "/orders",
    durable(async (c, step) => c.json({ got: await step.run("a", () => 1) }), run.options()) as (
      c: import("hono").Context,
    ) => Promise<Response>,
  );
  assert.deepEqual(await (await app.request("/orders", { method: "POST", headers: run.headers() })).json(), { got: 1 });
  assert.equal(run.puts.length, 1);

  const action = durable(
    async ({ params }: { request: Request; params: { id: string } }, step) => Response.json([params.id, step.info.attempt]),
    run.options(),
  );
  assert.deepEqual(await (await action({ request: request(run.headers()), params: { id: "x" } })).json(), ["x", 2]);
  await assert.rejects(durable((_: Request) => new Response())({} as Request), TypeError);
});

test("A response whose headers cannot be changed is marked as well", async () => {
  const run = new FakeRun();
  const GET = durable((_: Request) => Response.redirect("http://elsewhere/"), run.options({ build: "b" }));
  const response = await GET(request(run.headers()));
  assert.deepEqual(
    [response.status, response.headers.get("location"), response.headers.get("durable-build")],
    [302, "http://elsewhere/", '"b"'],
  );
});

test("A suspended attempt is answered 202 without a body", async () => {
  const run = new FakeRun();
  const POST = durable(async (_: Request) => {
    await step.sleep("nap", "1h");
    return new Response();
  }, run.options());
  const response = await POST(request(run.headers()));
  assert.deepEqual([response.status, response.headers.get("durable-suspended"), await response.text()], [202, "?1", ""]);
});

test("A final failure is a problem; another error is the framework's affair", async () => {
  const run = new FakeRun();
  const fail = (error: Error) =>
    durable((_: Request) => {
      throw error;
    }, run.options());
  const response = await fail(new NonRetriableError("x", { clientMessage: "No." }))(request(run.headers()));
  assert.deepEqual(
    [response.status, response.headers.get("durable-retry"), response.headers.get("content-type")],
    [500, "?0", "application/problem+json"],
  );
  await assert.rejects(fail(new Error("bug"))(request(run.headers())), /bug/);
});

test("What a framework throws to answer is no failure", async () => {
  const run = new FakeRun();
  for (const thrown of [
    new Response(null, { status: 404 }),
    Object.assign(new Error("r"), { digest: "NEXT_REDIRECT;/x" }),
    { status: 303, location: "/x" },
  ]) {
    const POST = durable((_: Request) => {
      step.onRollback("undo", () => assert.fail("undone"));
      throw thrown;
    }, run.options());
    await assert.rejects(POST(request(run.headers({ final: true }))), (error) => error === thrown || error instanceof Response);
  }
});

test("Another version of the contract is refused in words for the client", async () => {
  const POST = durable((_: Request) => new Response(), { logger: false });
  const response = await POST(request({ "durable-protocol": "2" }));
  assert.equal(response.status, 500);
  assert.equal(response.headers.get("durable-retry"), "?1");
  assert.match(((await response.json()) as { detail: string }).detail, /version '2'.*Update the SDK/);
});

test("A handler that is wrapped twice is one attempt", async () => {
  const run = new FakeRun();
  const inner = durable(async (_: Request, step: Step) => Response.json(await step.run("a", () => 1)), run.options());
  const outer = durable(async (req: Request) => {
    await step.run("a", () => 0);
    return inner(req);
  }, run.options());
  assert.equal((await outer(request(run.headers()))).status, 200);
  assert.deepEqual([...run.gateway.stored.keys()], ["a", "a#2"]);
});

test("Without a gateway steps execute, and their options are kept to in the handler", async () => {
  let tries = 0;
  const POST = durable(
    async (_: Request) => {
      await step.sleep("nap", 5);
      const value = await step.run(
        "a",
        () => {
          if (++tries < 3) throw new Error("busy");
          return tries;
        },
        { maxAttempts: 3, retryDelay: 1 },
      );
      return Response.json(value);
    },
    { logger: false },
  );
  assert.equal(await (await POST(request())).json(), 3);
});

test("Without a gateway an error rolls back, and what only a gateway can do says so", async () => {
  const undone: string[] = [];
  const POST = durable(
    async (_: Request) => {
      step.onRollback("first", () => void undone.push("first"));
      step.onRollback("second", () => void undone.push("second"));
      throw new Error("bug");
    },
    { logger: false },
  );
  await assert.rejects(POST(request()), /bug/);
  assert.deepEqual(undone, ["second", "first"]);
  for (const ask of [
    (step: Step) => step.waitForEvent("e", "t"),
    (step: Step) => step.waitForCallback("c", () => {}),
    (step: Step) => step.invoke("i", "/x"),
    (step: Step) => step.sendEvent("s", { type: "t" }),
  ]) {
    const handler = durable(
      async (_: Request, step) => {
        await assert.rejects(ask(step), StepUsageError);
        return new Response("said");
      },
      { logger: false },
    );
    assert.equal(await (await handler(request())).text(), "said");
  }
});

test("TestRun executes a handler from attempt to attempt", async () => {
  const run = new TestRun();
  let captures = 0;
  const checkOut = async (step: Step) => {
    await step.run("hold", () => "held");
    const paid = await step.waitForEvent<{ amount: number }>("paid", "order.paid");
    if (!paid) return "nobody has paid";
    await step.sleep("patience", "1d");
    await step.run("capture", () => {
      if (++captures < 3) throw new Error("busy");
    });
    await step.sendEvent("tell", { type: "order.shipped" });
    return `shipped for ${paid.amount}`;
  };
  await assert.rejects(run.run(checkOut), /waits for 'paid'/);
  run.complete("paid", { amount: 9 });
  assert.equal(await run.run(checkOut), "shipped for 9");
  assert.deepEqual(run.steps, ["hold", "paid", "patience", "capture", "tell"]);
  assert.deepEqual(run.sentEvents, ["order.shipped"]);

  const late = new TestRun();
  late.timeOut("paid");
  assert.equal(await late.run(checkOut), "nobody has paid");

  const failing = new TestRun({ maxAttempts: 2 });
  await assert.rejects(
    failing.run((step) => step.run("a", () => Promise.reject(new Error("no")))),
    StepError,
  );
  assert.equal(failing.attempts, 2);
});
