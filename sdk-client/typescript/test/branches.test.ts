import assert from "node:assert/strict";
import { test } from "node:test";
import { deferred, nextTurn } from "../src/core/signals.js";
import { AttemptOverError, NonRetriableError, type Step, type StepError } from "../src/node.js";
import { FakeRun, problem, resultOf, verdictOf } from "./support/fake-gateway.js";

test("A branch that waits does not keep another from its next step", async () => {
  const run = new FakeRun();
  const ending = await run.attempt(async (step) => {
    const other = async () => {
      await step.run("b1", () => 1);
      await step.run("b2", () => 1);
    };
    await Promise.all([step.sleep("nap", "1h"), other()]);
  });
  assert.equal(verdictOf(ending).headers["durable-suspended"], "?1");
  assert.deepEqual([...run.gateway.stored.keys()], ["b1", "b2"]);
});

test("Node sees no leak of listeners in many branches", async () => {
  const warnings: Error[] = [];
  const note = (warning: Error) => void warnings.push(warning);
  process.on("warning", note);
  await new FakeRun().attempt((step) => Promise.all(Array.from({ length: 50 }, (_, i) => step.run(`a${i}`, () => i))));
  await nextTurn();
  process.off("warning", note);
  assert.deepEqual(warnings, []);
});

test("A handler may end without a branch that waits", async () => {
  const run = new FakeRun();
  const ending = await run.attempt((step) =>
    Promise.race([step.sleep("patience", "3d").then(() => "late"), step.run("quick", () => "quick")]),
  );
  assert.equal(resultOf(ending), "quick");
});

test("What the handler holds is released when the attempt is suspended", async () => {
  const run = new FakeRun();
  let released: unknown;
  const ending = await run.attempt(async (step) => {
    try {
      await step.sleep("nap", "1h");
    } catch (error) {
      released = error;
      await assert.rejects(
        step.run("late", () => 1),
        AttemptOverError,
      );
      assert.ok(step.signal.aborted);
      return "swallowed";
    }
  });
  assert.ok(released instanceof AttemptOverError && released.reason === "suspended");
  assert.equal(verdictOf(ending).status, 202);
  assert.equal(run.putsOf("late").length, 0);
});

test("A branch that nobody awaits any more does not end the process", async () => {
  const run = new FakeRun();
  const ending = await run.attempt(async (step) => {
    const branch = async (name: string) => {
      await step.sleep(name, "1h");
    };
    const first = branch("a");
    const second = branch("b");
    await first;
    await second;
  });
  assert.equal(verdictOf(ending).status, 202);
  // The test runner reports a rejection that nobody handles as the failure of this test. The runtime tells of it before its next turn.
  await nextTurn();
});

test("A handler that works outside of steps while another branch waits is not suspended before its time", async () => {
  const run = new FakeRun();
  const parked = deferred();
  const logger = { warn() {}, error() {}, debug: (line: string) => /'nap' continues/.test(line) && parked.resolve() };
  const ending = await run.attempt(
    async (step) => {
      const work = async () => {
        await parked.promise;
        await nextTurn();
        return step.run("after", () => "done");
      };
      return Promise.race([step.sleep("nap", "1h"), work()]);
    },
    { suspendAfter: "1h", logger },
  );
  assert.equal(resultOf(ending), "done");
});

test("A final failure leaves the handler though another branch waits", async () => {
  const run = new FakeRun();
  const ending = await run.attempt((step) =>
    Promise.all([
      step.sleep("nap", "1h"),
      step.run("a", () => {
        throw new NonRetriableError("no");
      }),
    ]),
  );
  assert.equal(verdictOf(ending).headers["durable-retry"], "?0");
});

test("Steps that are executing when the handler ends are stored before the answer", async () => {
  const run = new FakeRun();
  const ending = await run.attempt(async (step) => {
    // The turn after this one begins when the handler has ended.
    void step.run("late", nextTurn);
    return "answer";
  });
  assert.equal(resultOf(ending), "answer");
  assert.ok(run.gateway.stored.has("late"));
});

test("Compensations are executed in reverse when the handler fails finally", async () => {
  const run = new FakeRun();
  const done: string[] = [];
  const handler = async (step: Step) => {
    await step.run("flight", () => done.push("flight"));
    step.onRollback("cancel flight", () => void done.push("cancel flight"));
    await step.run("hotel", () => done.push("hotel"));
    step.onRollback("cancel hotel", () => {
      throw new NonRetriableError("the hotel is closed");
    });
    await step.run("pay", () => {
      throw new NonRetriableError("refused", { clientMessage: "No." });
    });
  };
  const verdict = verdictOf(await run.attempt(handler, { errorDetails: false }));
  assert.deepEqual(done, ["flight", "hotel", "cancel flight"]);
  assert.deepEqual(JSON.parse(JSON.stringify(verdict.problem)), {
    title: "A step of the request failed",
    detail: "No.",
    step: "pay",
    status: 500,
    compensationFailures: [{ title: "A step of the request failed", step: "cancel hotel" }],
  });
  const again = verdictOf(await run.attempt(handler, { errorDetails: false }));
  assert.deepEqual(again.problem, verdict.problem, "a replay after a crash says the same, and undoes nothing twice");
  assert.deepEqual(done, ["flight", "hotel", "cancel flight"]);
});

test("A compensation that fails is tried again, and the run does not continue", async () => {
  const run = new FakeRun();
  let undone = 0;
  let paid = 0;
  const handler = async (step: Step) => {
    await step.run("flight", () => 1);
    step.onRollback("cancel flight", () => {
      if (++undone === 1) throw new Error("busy");
    });
    const branch = step.sleep("nap", "1h");
    if (paid++ === 0) throw new NonRetriableError("at first");
    await branch;
    return "ok";
  };
  assert.equal(verdictOf(await run.attempt(handler)).headers["durable-suspended"], "?1");
  assert.ok(run.gateway.stored.has("rollback begun"));
  const verdict = verdictOf(await run.attempt(handler));
  assert.equal(verdict.problem?.detail, "at first");
  assert.equal(undone, 2);
});

test("An ordinary error rolls back in the final attempt only", async () => {
  for (const final of [false, true]) {
    const run = new FakeRun();
    let undone = false;
    const ending = await run.attempt(
      async (step) => {
        await step.run("a", () => 1);
        step.onRollback("undo a", () => {
          undone = true;
        });
        throw new Error("bug");
      },
      { final },
    );
    assert.equal(ending.kind, final ? "overruled" : "threw");
    assert.equal(undone, final);
  }
});

test("A branch that is executing when the handler fails registers its compensation first", async () => {
  const run = new FakeRun();
  let undone = false;
  let more = false;
  const failed = deferred();
  await run.attempt((step) =>
    Promise.all([
      (async () => {
        await step.run("hotel", () => failed.promise.then(nextTurn));
        step.onRollback("cancel hotel", () => {
          undone = true;
        });
        await step.run("more", () => {
          more = true;
        });
      })(),
      step.run("flight", () => {
        throw new NonRetriableError("no seats");
      }),
    ]).finally(failed.resolve),
  );
  assert.ok(undone && !more, "no further step begins");
  assert.deepEqual([...run.gateway.stored.keys()], ["flight", "hotel", "rollback begun", "cancel hotel"]);
});

test("A superseded attempt undoes nothing", async () => {
  const run = new FakeRun();
  run.instead = (call) => (call.step === "b" ? problem(409, "attempt-superseded") : undefined);
  const ending = await run.attempt(
    async (step) => {
      await step.run("a", () => 1);
      step.onRollback("undo a", () => assert.fail("undone"));
      await step.run("b", () => 1);
    },
    { final: true },
  );
  assert.equal(verdictOf(ending).status, 503);
});

test("Events, callbacks and other routes are one call each, and park the branch", async () => {
  const run = new FakeRun();
  let url = "";
  const handler = (step: Step) =>
    Promise.all([
      step.waitForEvent<{ amount: number }>("paid", "order.paid", { key: "o 1%", timeout: "3d", lookback: 0 }),
      step.waitForCallback<{ ok: boolean }>("approve", (given) => {
        url = given;
      }),
      step.invoke<{ no: number }>("bill", "/bills?a=ü", { body: { total: 1 }, method: "PUT" }),
      step.sleepUntil("opening", new Date(0)),
    ]);
  assert.equal(verdictOf(await run.attempt(handler)).status, 202);
  const [paid] = run.putsOf("paid");
  assert.deepEqual(
    ["durable-step-type", "durable-event-type", "durable-event-key", "durable-step-timeout", "durable-event-lookback"].map((name) =>
      paid?.headers.get(name),
    ),
    ["wait", "order.paid", "o%201%25", "259200", "0"],
  );
  assert.equal(url, "http://test.invalid/_durable/v1/callbacks/approve");
  const [bill] = run.putsOf("bill");
  assert.deepEqual(
    [bill?.headers.get("durable-invoke-path"), bill?.headers.get("durable-invoke-method"), bill?.text],
    ["/bills?a=%C3%BC", "PUT", '{"total":1}'],
  );
  assert.equal(run.putsOf("opening")[0]?.headers.get("durable-step-until"), "1970-01-01T00:00:00.000Z");

  const answer = (body: string) => ({ failed: false, contentType: "application/json", body: new TextEncoder().encode(body) });
  run.gateway.scripted
    .set("paid", answer('{"amount":9}'))
    .set("approve", answer('{"ok":true}'))
    .set("bill", answer(""))
    .set("opening", answer(""));
  assert.deepEqual(resultOf(await run.attempt(handler)), [{ amount: 9 }, { ok: true }, null, undefined]);
  assert.equal(run.putsOf("approve handed out").length, 1);
});

test("A time-out of an event is null, and that of a callback a failure", async () => {
  const run = new FakeRun();
  const body = new TextEncoder().encode('{"type":"/_durable/problems/step-timeout","title":"The step timed out"}');
  const late = { failed: true, contentType: "application/problem+json", body };
  run.gateway.scripted.set("paid", late).set("approve", late);
  assert.equal(resultOf(await run.attempt((step) => step.waitForEvent("paid", "order.paid"))), null);
  const ending = await run.attempt((step) => step.waitForCallback("approve", () => {}));
  assert.equal(verdictOf(ending).problem?.type, "/_durable/problems/step-timeout");
});

test("A URL that cannot be handed out fails the callback", async () => {
  const run = new FakeRun();
  const handler = (step: Step) =>
    step
      .waitForCallback("approve", () => {
        throw new NonRetriableError("no such mailbox");
      })
      .catch((error) => (error as StepError).step);
  assert.equal(resultOf(await run.attempt(handler)), "approve handed out");
  assert.equal(resultOf(await run.attempt(handler)), "approve handed out");
});

test("What others send is read as its type says, or as is asked for", async () => {
  const run = new FakeRun();
  const sent = (contentType: string, text: string) => ({ failed: false, contentType, body: new TextEncoder().encode(text) });
  run.gateway.scripted
    .set("json", sent("application/problem+json; charset=utf-8", '{"a":1}'))
    .set("text", sent("text/plain", "hello"))
    .set("bytes", sent("image/png", "P"))
    .set("bad", sent("application/json", "{"))
    .set("stream", sent("application/json", "s"));
  const got = resultOf(
    await run.attempt(async (step) => [
      await step.waitForEvent("json", "x"),
      await step.waitForEvent("text", "x"),
      await step.waitForEvent("bytes", "x"),
      await step.waitForEvent("bad", "x", { as: "bytes" }),
      await new Response(await step.waitForEvent("stream", "x", { as: "stream" })).text(),
    ]),
  );
  assert.deepEqual(got, [{ a: 1 }, "hello", new Uint8Array([80]), new Uint8Array([123]), "s"]);
  assert.equal(verdictOf(await run.attempt((step) => step.waitForEvent("bad", "x"))).headers["durable-retry"], "?1");
});

test("An event is sent as a step, in the name of the run", async () => {
  const run = new FakeRun();
  run.instead = (call) => (call.method === "POST" ? Response.json({ woken: 2 }, { status: 202 }) : undefined);
  const handler = (step: Step) => step.sendEvent("tell", { type: "order.paid", key: "o-1", data: { amount: 9 } });
  assert.equal(resultOf(await run.attempt(handler)), 2);
  const [call] = run.calls;
  assert.equal(call?.url, "http://test.invalid/_durable/v1/events");
  assert.equal(call?.headers.get("content-type"), "application/cloudevents+json");
  assert.deepEqual(JSON.parse(call?.text ?? ""), {
    specversion: "1.0",
    id: "00000000-0000-7000-8000-000000000001/tell",
    source: "/_durable/v1/runs/00000000-0000-7000-8000-000000000001",
    type: "order.paid",
    subject: "o-1",
    datacontenttype: "application/json",
    data: { amount: 9 },
  });
  assert.equal(resultOf(await run.attempt(handler)), 2);
  assert.equal(run.calls.filter(({ method }) => method === "POST").length, 1);
});
