import assert from "node:assert/strict";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, test } from "node:test";
import express from "express";
import { durableFetch, type Progress } from "../src/browser.js";
import { durable, NonRetriableError, type Step } from "../src/express.js";
import { type Gateway, skipped, startGateway } from "./support/gateway.js";

let gateway: Gateway;
let server: Server;
const executed: string[] = [];
const app = express();
app.use(express.json());

const route = (path: string, handler: (step: Step, req: express.Request) => unknown) =>
  app.all(
    path,
    durable(async (req, res, step) => void res.json((await handler(step, req)) ?? null), { logger: false, suspendAfter: 50 }),
  );

before(async () => {
  if (skipped) return;
  server = await new Promise<Server>((resolve) => {
    const listening = app.listen(0, "127.0.0.1", () => resolve(listening));
  });
  gateway = await startGateway(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});
after(async () => {
  if (skipped) return;
  await gateway.stop();
  server.close();
  server.closeAllConnections();
});

const call = (path: string, body: unknown = {}) =>
  durableFetch(gateway.url + path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });

test("A request that fails half-way comes home, each finished step executed once", { skip: skipped }, async () => {
  let labels = 0;
  route("/checkout", async (step, req) => {
    const charge = await step.run("charge/ü", () => executed.push("charge") && { id: req.body.id });
    const label = await step.run("label", () => {
      executed.push("label");
      if (++labels === 1) throw new Error("no paper");
      return new Uint8Array([1, 2, 3]);
    });
    return { charge, label: [...label] };
  });
  const response = await call("/checkout", { id: 7 });
  assert.deepEqual([response.status, await response.json()], [200, { charge: { id: 7 }, label: [1, 2, 3] }]);
  assert.deepEqual(executed, ["charge", "label", "label"]);
});

test("Sleeps, events, callbacks and other routes", { skip: skipped }, async () => {
  route("/inner", (_, req) => ({ doubled: req.body.n * 2 }));
  route("/outer", async (step) => {
    await step.sleep("nap", 100);
    const [paid, approved, inner] = await Promise.all([
      step.waitForEvent<{ amount: number }>("paid", "order.paid", { key: "o-1" }),
      step.waitForCallback<{ ok: boolean }>("approve", (url) =>
        fetch(new URL(url, gateway.url), { method: "POST", body: '{"ok":true}', headers: { "content-type": "application/json" } }),
      ),
      step.invoke<{ doubled: number }>("inner", "/inner", { body: { n: 21 } }),
      step.sendEvent("tell", { type: "order.paid", key: "o-1", data: { amount: 9 } }),
    ]);
    return { paid, approved, inner };
  });
  const response = await call("/outer");
  assert.deepEqual(await response.json(), { paid: { amount: 9 }, approved: { ok: true }, inner: { doubled: 42 } });
});

test("A final failure is undone, and the client is told what is meant for it", { skip: skipped }, async () => {
  const undone: string[] = [];
  route("/trip", async (step) => {
    await step.run("flight", () => 1);
    step.onRollback("cancel flight", () => {
      undone.push("flight");
      if (undone.length === 1) throw new Error("busy");
    });
    await step.run("pay", () => {
      throw new NonRetriableError("51", { clientMessage: "Your card was declined." });
    });
  });
  const response = await call("/trip");
  assert.equal(response.status, 500);
  const problem = (await response.json()) as Record<string, unknown>;
  assert.deepEqual([problem.step, problem.detail], ["pay", "Your card was declined."]);
  assert.deepEqual(undone, ["flight", "flight"]);
});

test("Two hundred steps, most of them beyond the budget of the header", { skip: skipped }, async () => {
  let crashes = 0;
  let bodies = 0;
  route("/many", async (step) => {
    let sum = 0;
    for (let i = 0; i < 200; i++)
      sum += await step.run("n", () => {
        bodies++;
        return i;
      });
    if (crashes++ === 0) throw new Error("crash");
    return sum;
  });
  assert.equal(await (await call("/many")).json(), 19_900);
  assert.equal(bodies, 200);
});

test("Progress is told as it happens", { skip: skipped }, async () => {
  route("/slow", async (step) => {
    await step.run("first", () => 1);
    await step.sleep("nap", 200);
    await step.run("second", () => 2);
    return "done";
  });
  const told: Progress[] = [];
  const response = await durableFetch(`${gateway.url}/slow`, { method: "POST", onProgress: (progress) => told.push(progress) });
  assert.equal(await response.json(), "done");
  assert.equal(told[0]?.type, "accepted");
  const steps = told.flatMap((progress) => (progress.type === "step" ? [`${progress.step} ${progress.state}`] : []));
  for (const line of ["first completed", "nap sleeping", "second completed"]) assert.ok(steps.includes(line), `${line} is not in ${steps}`);
});

test("The dashboard shows what a model was asked and what it used", { skip: skipped }, async () => {
  let runId = "";
  route("/summary", async (step) => {
    runId = step.info.id ?? "";
    const answer = await step.ai.wrap(
      "summary",
      async (_: { model: string; prompt: string }) => ({ text: "short", usage: { input_tokens: 10, output_tokens: 2 } }),
      {
        model: "m-1",
        prompt: "Sum it up",
      },
    );
    return answer.text;
  });
  assert.equal(await (await call("/summary")).json(), "short");
  const page = await (await fetch(`${gateway.control}/runs/${runId}?step=summary`)).text();
  for (const shown of ["gen_ai.usage.input_tokens", "Sum it up"]) assert.ok(page.includes(shown), `the dashboard does not show ${shown}`);
});
