import "reflect-metadata";
import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { after, test } from "node:test";
import { ConflictException, Controller, Get, Module, Param, Post, Res } from "@nestjs/common";
import { NestFactory } from "@nestjs/core";
import { FastifyAdapter, type NestFastifyApplication } from "@nestjs/platform-fastify";
import express from "express";
import fastify, { type FastifyReply } from "fastify";
import { durable as onExpress } from "../src/express.js";
import { durable as onFastify } from "../src/fastify.js";
import { step as ambient, Durable, InjectStep, NonRetriableError, type Step } from "../src/nest.js";
import { FakeRun } from "./support/fake-gateway.js";

let run = new FakeRun();
const options = {
  suspendAfter: 50,
  logger: false,
  build: "7",
  fetch: (...args: Parameters<FakeRun["fetch"]>) => run.fetch(...args),
} as const;

/** The same handlers in each framework. */
const checkOut = async (id: string, step: Step) => {
  const charge = await step.run("charge", () => `charged ${id}`);
  await ambient.run("label", () => 1);
  return { charge };
};
const scenarios = {
  sleep: (step: Step) => step.sleep("nap", "1h"),
  fail: (step: Step) =>
    step.run("pay", () => {
      throw new NonRetriableError("x", { clientMessage: "Declined." });
    }),
  bug: () => {
    throw new Error("bug");
  },
  swallow: async (step: Step) => {
    run.instead = () => new Response(null, { status: 401 });
    await step.run("a", () => 1).catch(() => {});
    return "fine";
  },
};

const undone: string[] = [];
const finished: string[] = [];
/** A handler of a run that is being rolled back. It finishes, and its response is sent when it has ended, or before. */
async function undo(how: string, step: Step, response: ServerResponse, own: () => unknown) {
  await step.run("a", () => assert.fail("executed again"));
  step.onRollback("undo a", () => void undone.push(how));
  await send(how, step, response, own);
  finished.push(how);
}

async function send(how: string, step: Step, response: ServerResponse, own: () => unknown): Promise<unknown> {
  switch (how) {
    case "own":
    case "stream":
      return own();
    case "pipeline":
      response.writeHead(201, { location: "/a", "content-type": "text/plain" });
      return pipeline(Readable.from(["it ", "is done"]), response);
    case "flushed":
      response.setHeader("location", "/a");
      response.flushHeaders();
      assert.ok(response.headersSent);
      await new Promise<void>((done) => response.write("it ", () => done()));
      await new Promise<void>((done) => response.end("is done", () => done()));
      return assert.ok(response.writableEnded);
    case "half":
      response.write("half");
      return step.run("b", () => assert.fail("begun"));
  }
}

/** A handler that has ended its response itself, and continues. */
async function goOn(how: string, step: Step, response: ServerResponse, own: () => unknown) {
  await send(how, step, response, own);
  await step.run("after", () => 1);
  if (what === "bug") throw new Error("bug");
  if (what === "fail") await scenarios.fail(step);
}
let what = "";

async function expressApp() {
  const app = express();
  app.use((_req, res, next) => {
    res.set({ "x-before": "stays", vary: "a, b" });
    next();
  });
  app.use(express.json());
  app.set("env", "test");
  app.post(
    "/orders/:id",
    onExpress(async (req, res, step) => void res.status(201).json(await checkOut(String(req.params.id), step)), options),
  );
  for (const [name, handler] of Object.entries(scenarios)) {
    app.get(
      `/${name}`,
      onExpress(async (_, res, step) => void res.type("text").send((await handler(step)) ?? ""), options),
    );
  }
  app.get(
    "/missing",
    onExpress((_req, _res, step) => {
      step.onRollback("undo", () => assert.fail("undone"));
      throw Object.assign(new Error("none"), { status: 404 });
    }, options),
  );
  app.get(
    "/cut",
    onExpress(async (_, res, step) => {
      res.write("half");
      await step.sleep("nap", "1h");
    }, options),
  );
  app.get(
    "/undo/:how",
    onExpress(
      (req, res, step) => undo(String(req.params.how), step, res, () => res.status(201).location("/a").cookie("a", "1").json("done")),
      options,
    ),
  );
  app.get(
    "/ended/:how",
    onExpress((req, res, step) => goOn(String(req.params.how), step, res, () => res.status(201).location("/a").json("done")), options),
  );
  return new Promise<import("node:http").Server>((resolve) => {
    const server = app.listen(0, "127.0.0.1", () => resolve(server));
  });
}

async function fastifyApp() {
  const app = fastify();
  app.addHook("onRequest", async (_, reply) => {
    reply.headers({ "x-before": "stays", vary: "a, b" });
  });
  // A handler that does not await its reply has ended before it is sent. Here it is sent just before the answer that replaces it.
  let late: (() => void) | undefined;
  app.addHook("onSend", async (request, _, payload) => {
    if (request.url !== "/undo/late") return payload;
    if (late) {
      late();
      late = undefined;
      await new Promise((done) => setImmediate(done));
    } else {
      await new Promise<void>((done) => {
        late = done;
      });
    }
    return payload;
  });
  app.post<{ Params: { id: string } }>(
    "/orders/:id",
    onFastify<{ Params: { id: string } }>(
      async (request, reply, step) => reply.code(201).send(await checkOut(request.params.id, step)),
      options,
    ),
  );
  for (const [name, handler] of Object.entries(scenarios))
    app.get(
      `/${name}`,
      onFastify(async (_request, _reply, step) => (await handler(step)) ?? "", options),
    );
  app.get(
    "/missing",
    onFastify((_request, _reply, step) => {
      step.onRollback("undo", () => assert.fail("undone"));
      throw Object.assign(new Error("none"), { statusCode: 404 });
    }, options),
  );
  app.get(
    "/cut",
    onFastify(async (_, reply, step) => {
      reply.raw.write("half");
      await step.sleep("nap", "1h");
    }, options),
  );
  app.get<{ Params: { how: string } }>(
    "/undo/:how",
    onFastify<{ Params: { how: string } }>(async ({ params: { how } }, reply, step) => {
      if (how === "hijack") reply.hijack();
      const body = how === "stream" ? Readable.from(["it ", "is done"]) : "done";
      const send = () => reply.code(201).headers({ location: "/a", "set-cookie": "a=1" }).send(body);
      if (how === "late") void send();
      await undo(how, step, reply.raw, send);
    }, options),
  );
  app.get<{ Params: { how: string } }>(
    "/ended/:how",
    onFastify<{ Params: { how: string } }>(
      ({ params: { how } }, reply, step) => goOn(how, step, reply.raw, () => done(reply, how)),
      options,
    ),
  );
  await app.listen({ port: 0, host: "127.0.0.1" });
  return app.server;
}

const rawOf = (res: express.Response | FastifyReply) => ("raw" in res ? res.raw : res);
const done = (res: express.Response | FastifyReply, how: string) =>
  "raw" in res
    ? res
        .code(201)
        .headers({ location: "/a", "set-cookie": "a=1" })
        .send(how === "stream" ? Readable.from(["it ", "is done"]) : '"done"')
    : res.status(201).location("/a").cookie("a", "1").json("done");

class Handlers {
  checkOut(id: string, step: Step) {
    return checkOut(id, step);
  }
  sleep(step: Step) {
    return scenarios.sleep(step);
  }
  fail(step: Step) {
    return scenarios.fail(step);
  }
  bug() {
    return scenarios.bug();
  }
  swallow(step: Step) {
    return scenarios.swallow(step);
  }
  missing(step: Step) {
    step.onRollback("undo", () => assert.fail("undone"));
    throw new ConflictException();
  }
  async ended(how: string, step: Step, res: express.Response | FastifyReply) {
    await goOn(how, step, rawOf(res), () => done(res, how));
  }
  async undo(how: string, step: Step, res: express.Response | FastifyReply) {
    await undo(how, step, rawOf(res), () => done(res, how));
  }
}
// Decorators are applied by hand, as the compiler does it: this file is compiled without their metadata.
const decorate = (name: keyof Handlers, method: MethodDecorator, ...parameters: ParameterDecorator[]) => {
  parameters.forEach((parameter, index) => {
    parameter(Handlers.prototype, name, index);
  });
  const descriptor = Object.getOwnPropertyDescriptor(Handlers.prototype, name) as PropertyDescriptor;
  method(Handlers.prototype, name, descriptor);
};
decorate("checkOut", Post("/orders/:id"), Param("id"), InjectStep());
for (const name of ["sleep", "fail", "swallow", "missing"] as const) decorate(name, Get(`/${name}`), InjectStep());
decorate("bug", Get("/bug"));
decorate("ended", Get("/ended/:how"), Param("how"), InjectStep(), Res());
decorate("undo", Get("/undo/:how"), Param("how"), InjectStep(), Res());
Durable(options)(Handlers);
Controller()(Handlers);
class App {}
Module({ controllers: [Handlers] })(App);

async function nestApp() {
  const app = await NestFactory.create(App, { logger: false });
  app.use((_: unknown, res: express.Response, next: () => void) => {
    res.set({ "x-before": "stays", vary: "a, b" });
    next();
  });
  await app.listen(0, "127.0.0.1");
  return app.getHttpServer() as import("node:http").Server;
}

async function nestOnFastifyApp() {
  const app = await NestFactory.create<NestFastifyApplication>(App, new FastifyAdapter(), { logger: false });
  app
    .getHttpAdapter()
    .getInstance()
    .addHook("onRequest", async (_, reply) => {
      reply.headers({ "x-before": "stays", vary: "a, b" });
    });
  await app.listen(0, "127.0.0.1");
  return app.getHttpServer() as import("node:http").Server;
}

for (const [framework, start] of [
  ["Express", expressApp],
  ["Fastify", fastifyApp],
  ["Nest", nestApp],
  ["Nest on Fastify", nestOnFastifyApp],
] as const) {
  const starting = start();
  after(async () => {
    const server = await starting;
    server.close();
    server.closeAllConnections();
  });
  const call = async (path: string, method = "GET", how: Parameters<FakeRun["headers"]>[0] = {}, prepare = (_: FakeRun) => {}) => {
    run = new FakeRun();
    prepare(run);
    const { port } = (await starting).address() as AddressInfo;
    const body = method === "POST" ? { body: "{}" } : {};
    return fetch(`http://127.0.0.1:${port}${path}`, {
      method,
      headers: { ...run.headers(how), "content-type": "application/json" },
      ...body,
    });
  };

  test(`${framework}: a handler answers, and its response says the build`, async () => {
    const response = await call("/orders/7", "POST");
    assert.deepEqual(
      [response.status, response.headers.get("durable-build"), await response.json()],
      [201, '"7"', { charge: "charged 7" }],
    );
    assert.deepEqual([...run.gateway.stored.keys()], ["charge", "label"]);
  });

  test(`${framework}: a suspension`, async () => {
    const response = await call("/sleep");
    assert.deepEqual([response.status, response.headers.get("durable-suspended")], [202, "?1"]);
  });

  test(`${framework}: a final failure`, async () => {
    const response = await call("/fail");
    assert.deepEqual([response.status, response.headers.get("durable-retry")], [500, "?0"]);
    assert.match(response.headers.get("content-type") ?? "", /^application\/problem\+json/);
    assert.equal(((await response.json()) as { detail: string }).detail, "Declined.");
  });

  test(`${framework}: another error is answered by the framework`, async () => {
    const response = await call("/bug");
    assert.deepEqual([response.status, response.headers.get("durable-retry"), response.headers.get("durable-build")], [500, null, '"7"']);
    await response.text();
  });

  test(`${framework}: a checkpoint that failed is told, whatever the handler makes of it`, async () => {
    const response = await call("/swallow");
    assert.deepEqual([response.status, response.headers.get("durable-retry")], [500, "?1"]);
  });

  test(`${framework}: an error below 500 is an answer, and rolls nothing back`, async () => {
    const response = await call("/missing", "GET", { final: true });
    assert.equal(response.status, framework.startsWith("Nest") ? 409 : 404);
    assert.equal(response.headers.get("durable-retry"), null);
  });

  const rollingBack = ({ gateway: { stored } }: FakeRun) => {
    const body = new TextEncoder().encode('{"title":"x","clientMessage":"Declined."}');
    stored.set("a", { type: "run", failed: false, contentType: "application/json", body: new TextEncoder().encode("1") });
    stored.set("rollback begun", { type: "run", failed: true, contentType: "application/problem+json", body });
  };
  const isFastify = framework.endsWith("Fastify");
  const manners = [
    "own",
    "pipeline",
    "flushed",
    "half",
    ...(isFastify ? ["stream"] : []),
    ...(framework === "Fastify" ? ["late", "hijack"] : []),
  ];
  for (const how of manners) {
    for (const inlined of [true, false]) {
      const name = `${framework}: while a run is rolled back, what its handler sends is not sent (${how}, ${inlined ? "" : "not "}inlined)`;
      test(name, { timeout: 10_000 }, async () => {
        undone.length = finished.length = 0;
        const response = await call(`/undo/${how}`, "GET", { inlined }, rollingBack);
        assert.deepEqual([response.status, response.headers.get("durable-retry")], [500, "?0"]);
        assert.match(response.headers.get("content-type") ?? "", /^application\/problem\+json/);
        assert.equal(((await response.json()) as { detail: string }).detail, "Declined.");
        assert.deepEqual([undone, finished], [[how], how === "half" ? [] : [how]]);
        assert.deepEqual([...run.gateway.stored.keys()], ["a", "rollback begun", "undo a"]);
        assert.deepEqual([response.headers.get("location"), response.headers.get("set-cookie")], [null, null]);
        if (how !== "hijack") {
          const { "x-before": before, vary } = Object.fromEntries(response.headers);
          assert.deepEqual([before, vary], ["stays", "a, b"], "what others have set before the handler stays");
        }
      });
    }
  }

  test(`${framework}: where the stored steps cannot be read, the handler is not executed`, async () => {
    undone.length = finished.length = 0;
    const response = await call("/undo/own", "GET", { inlined: false }, (run) => {
      rollingBack(run);
      run.instead = () => new Response(null, { status: 401 });
    });
    assert.deepEqual([response.status, response.headers.get("durable-retry")], [500, "?1"]);
    assert.deepEqual([undone, run.calls.map(({ method }) => method)], [[], ["GET"]]);
  });

  for (const [how, body] of [
    ["own", '"done"'],
    ["pipeline", "it is done"],
    ["flushed", "it is done"],
    ...(isFastify ? ([["stream", "it is done"]] as const) : []),
  ] as const) {
    test(`${framework}: a handler that ends its response and continues is waited for (${how})`, { timeout: 10_000 }, async () => {
      what = "";
      const response = await call(`/ended/${how}`);
      assert.deepEqual(
        [response.headers.get("location"), response.headers.get("durable-build"), await response.text()],
        ["/a", '"7"', body],
      );
      assert.ok(run.gateway.stored.has("after"));
    });
  }

  test(`${framework}: a handler that ends its response and then fails finally has failed`, { timeout: 10_000 }, async () => {
    what = "fail";
    const response = await call("/ended/own");
    assert.deepEqual(
      [response.status, response.headers.get("durable-retry"), response.headers.get("location"), response.headers.get("x-before")],
      [500, "?0", null, "stays"],
    );
    assert.equal(((await response.json()) as { detail: string }).detail, "Declined.");
  });

  test(`${framework}: a handler that ends its response and then throws is tried again`, { timeout: 10_000 }, async () => {
    what = "bug";
    const response = await call("/ended/own");
    assert.deepEqual([response.status, response.headers.get("durable-retry")], [500, null]);
    await response.text();
  });

  test(`${framework}: what was sent before the handler failed finally does not end well`, { timeout: 10_000 }, async () => {
    what = "fail";
    await assert.rejects(call("/ended/pipeline").then((response) => response.text()));
  });

  if (!framework.startsWith("Nest")) {
    test(`${framework}: a response that is under way is cut off`, async () => {
      await assert.rejects(call("/cut").then((response) => response.text()));
    });
  }
}
