import assert from "node:assert/strict";
import { test } from "node:test";
import { deferred } from "../src/core/signals.js";
import type { Step } from "../src/node.js";
import { AttemptOverError, step as ambient, NonRetriableError, RetryAfterError, StepError, StepUsageError } from "../src/node.js";
import { FakeRun, OTHER_URL, problem, RUN_ID, RUN_URL, resultOf, verdictOf } from "./support/fake-gateway.js";

test("A step is executed, stored, and gives what a replay reads", async () => {
  const run = new FakeRun();
  const handler = (step: Step) => step.run("charge", () => ({ at: new Date(0), id: 7, none: undefined }));

  assert.deepEqual(resultOf(await run.attempt(handler)), { at: "1970-01-01T00:00:00.000Z", id: 7 });

  const [put] = run.puts;
  assert.equal(put?.url, `${RUN_URL}/steps/charge`);
  assert.equal(put?.headers.get("durable-token"), "secret");
  assert.equal(put?.headers.get("content-type"), "application/json");
  assert.match(put?.headers.get("durable-step-duration") ?? "", /^\d+(\.\d+)?$/);
  assert.equal(put?.text, '{"at":"1970-01-01T00:00:00.000Z","id":7}');
  assert.deepEqual(resultOf(await run.attempt(handler)), { at: "1970-01-01T00:00:00.000Z", id: 7 });
  assert.equal(run.puts.length, 1);
});

test("Names are counted in the order in which steps begin", async () => {
  const run = new FakeRun();
  await run.attempt(async (step) => {
    for (const item of [1, 2, 3]) await step.run("item", () => item);
  });
  assert.deepEqual(
    run.puts.map((put) => put.url.slice(RUN_URL.length)),
    ["/steps/item", "/steps/item%232", "/steps/item%233"],
  );
});

test("Ids beyond the unreserved characters are percent-encoded", async () => {
  const run = new FakeRun();
  await run.attempt((step) => step.run("a/b (ü)'*!~", () => 1));
  assert.equal(run.puts[0]?.url, `${RUN_URL}/steps/a%2Fb%20%28%C3%BC%29%27%2A%21~`);
});

for (const name of ["", ".", "..", "a\0b", "x".repeat(257), "ü".repeat(129), "\ud800", "rollback begun"]) {
  test(`The name ${JSON.stringify(name.slice(0, 20))} is refused`, async () => {
    const verdict = verdictOf(await new FakeRun().attempt((step) => step.run(name, () => 1)));
    assert.equal(verdict.headers["durable-retry"], "?0");
  });
}

test("A name whose step is executing is refused", async () => {
  const run = new FakeRun();
  const both = (step: Step) => Promise.all([step.run("a", () => 1), step.run("a", () => 2)]);
  const ending = await run.attempt((step) => assert.rejects(both(step), StepUsageError));
  resultOf(ending);
});

test("A name that another branch has used while it is under way is refused", async () => {
  const run = new FakeRun();
  const begun = deferred();
  const blocked = deferred();
  let refused: unknown;
  await run.attempt(async (step) => {
    const first = async () => {
      await step.run("a1", () => 1);
      await step.run("x", () => 1);
      await step.run("a2", () => {
        begun.resolve();
        return blocked.promise;
      });
    };
    const second = async () => {
      await step.run("b1", () => begun.promise);
      await step
        .run("x", () => 2)
        .catch((error) => {
          refused = error;
        });
      blocked.resolve();
    };
    await Promise.all([first(), second()]);
    await step.run("x", () => 3);
  });
  assert.ok(refused instanceof StepUsageError, String(refused));
  assert.match(refused.message, /Two branches/);
  assert.ok(run.gateway.stored.has("x#2"), "after the branches have come together the name may be used");
});

test("Steps do not nest", async () => {
  const run = new FakeRun();
  const verdict = verdictOf(await run.attempt((step) => step.run("outer", () => step.run("inner", () => 1))));
  assert.match(JSON.stringify(verdict.problem), /Steps do not nest/);
  assert.equal(run.puts.length, 0);
});

test("The step of the handler is the ambient one", async () => {
  const run = new FakeRun();
  const deep = async () => {
    await Promise.resolve();
    return ambient.run("deep", () => ambient.info.id);
  };
  assert.equal(resultOf(await run.attempt(deep)), RUN_ID);
  assert.throws(() => ambient.info, StepUsageError);
  await assert.rejects(
    ambient.run("outside", () => 1),
    StepUsageError,
  );
});

test("Outcomes that are not inlined are read once, before anything is executed", async () => {
  const run = new FakeRun();
  const handler = async (step: Step) => [await step.run("ä", () => 1), await step.run("b", () => 2)];
  await run.attempt(handler);
  run.calls.length = 0;
  assert.deepEqual(resultOf(await run.attempt(handler, { inlined: false })), [1, 2]);
  assert.deepEqual(
    run.calls.map((call) => `${call.method} ${call.url.slice(RUN_URL.length)}`),
    ["GET /steps"],
  );
});

test("Where they cannot be read the attempt fails, and nothing is executed", async () => {
  const run = new FakeRun();
  await run.attempt((step) => step.run("a", () => 1));
  run.instead = (call) => (call.method === "GET" ? problem(502, "record-unreadable") : undefined);
  let executed = false;
  const ending = await run.attempt(
    (step) =>
      step.run("b", () => {
        executed = true;
      }),
    { inlined: false },
  );
  assert.deepEqual([verdictOf(ending).status, verdictOf(ending).headers["durable-retry"], executed], [500, "?1", false]);
});

test("A failure is tried again in a later attempt, and final when the gateway says so", async () => {
  const run = new FakeRun(2);
  let tries = 0;
  const handler = async (step: Step) => {
    try {
      await step.run("label", () => {
        tries++;
        throw new TypeError("no paper");
      });
    } catch (error) {
      assert.ok(error instanceof StepError);
      return `${error.step}: ${error.problem.detail}`;
    }
    return "?";
  };
  assert.equal(verdictOf(await run.attempt(handler)).headers["durable-suspended"], "?1");
  const [put] = run.puts;
  assert.equal(put?.headers.get("durable-step-outcome"), "failed");
  assert.equal(put?.headers.get("content-type"), "application/problem+json");
  const stored = JSON.parse(put?.text ?? "");
  assert.deepEqual([stored.title, stored.detail, stored.exceptionType], ["TypeError", "no paper", "TypeError"]);
  assert.match(stored.stackTrace, /no paper/);

  assert.equal(resultOf(await run.attempt(handler)), "label: no paper");
  assert.equal(resultOf(await run.attempt(handler)), "label: no paper", "a replay throws it as well");
  assert.equal(tries, 2);
});

test("NonRetriableError is final at once, and tells the client what it may know", async () => {
  const run = new FakeRun();
  const ending = await run.attempt(
    (step) =>
      step.run("charge", () => {
        throw new NonRetriableError("acquirer said 51", { clientMessage: "Your card was declined." });
      }),
    { errorDetails: false },
  );
  assert.equal(run.puts[0]?.headers.get("durable-retry"), "?0");
  const verdict = verdictOf(ending);
  assert.equal(verdict.headers["durable-retry"], "?0");
  assert.deepEqual(JSON.parse(JSON.stringify(verdict.problem)), {
    title: "A step of the request failed",
    detail: "Your card was declined.",
    step: "charge",
    status: 500,
  });
});

test("RetryAfterError and the options of the step are sent with the failure", async () => {
  const run = new FakeRun();
  await run.attempt((step) =>
    step.run(
      "a",
      () => {
        throw new RetryAfterError("busy", "1.5m");
      },
      { maxAttempts: 3, retryDelay: 1500, maxRetryDelay: "1m", backoff: "linear" },
    ),
  );
  assert.equal(run.puts[0]?.headers.get("retry-after"), "90");
  assert.equal(run.puts[0]?.headers.get("durable-step-retry"), "max-attempts=3, delay=1.5, max-delay=60.0, backoff=linear");
});

test("An outcome that is stored already is used in place of the step's own", async () => {
  const run = new FakeRun();
  run.instead = () => new Response('{"id":1}', { headers: { "durable-step-outcome": "completed", "content-type": "application/json" } });
  assert.deepEqual(resultOf(await run.attempt((step) => step.run("a", () => ({ id: 2 })))), { id: 1 });
  run.instead = () => new Response('{"title":"no","detail":"never"}', { headers: { "durable-step-outcome": "failed" } });
  assert.equal(verdictOf(await run.attempt((step) => step.run("b", () => 1))).problem?.detail, "never");
});

for (const [status, name] of [
  [400, "step-malformed"],
  [401, "token-invalid"],
  [404, "run-unknown"],
  [422, "too-many-steps"],
  [422, "step-of-other-type"],
  [502, "record-unreadable"],
  [503, "store-unavailable"],
] as const) {
  test(`${status} ${name} fails the attempt, whatever the handler makes of it`, async () => {
    const run = new FakeRun();
    run.instead = () => problem(status, name);
    const ending = await run.attempt(async (step) => {
      await step.run("a", () => 1).catch(() => "swallowed");
      return step.run("b", () => 1).catch(() => "swallowed");
    });
    assert.deepEqual([verdictOf(ending).status, verdictOf(ending).headers["durable-retry"]], [500, "?1"]);
    assert.equal(run.putsOf("b").length, 0, "no further step begins");
    assert.equal(run.putsOf("a").length, status === 503 ? 5 : 1);
  });
}

for (const [status, name] of [
  [409, "attempt-superseded"],
  [410, "run-ended"],
] as const) {
  test(`${status} ${name} abandons the handler`, async () => {
    const run = new FakeRun();
    run.instead = () => problem(status, name);
    let told: unknown;
    const ending = await run.attempt(async (step) => {
      await step
        .run("a", () => 1)
        .catch((error) => {
          told = error;
        });
      assert.ok(step.signal.aborted);
      return step.run("b", () => 1);
    });
    assert.ok(told instanceof AttemptOverError && told.reason === "abandoned" && told.name === "AbortError");
    assert.equal(verdictOf(ending).status, 503);
    assert.equal(run.puts.length, 1);
  });
}

test("413 fails the step finally with a small problem", async () => {
  const run = new FakeRun();
  run.instead = (call) => (call.body.length > 1024 ? problem(413, "step-too-large") : undefined);
  const handler = (step: Step) => step.run("a", () => "x".repeat(5000)).catch((error) => (error as StepError).problem.title);
  assert.equal(resultOf(await run.attempt(handler)), "The step's result is too large");
  assert.equal(run.puts[1]?.headers.get("durable-retry"), "?0");
  await run.attempt((step) =>
    step.run("b", () => {
      throw new Error("y".repeat(5000));
    }),
  );
  assert.equal(run.putsOf("b").length, 2);
  assert.ok((run.putsOf("b")[1]?.body.length ?? 9999) <= 1024);
});

test("422 beyond-run-timeout fails the step finally, and stores nothing", async () => {
  const run = new FakeRun();
  run.instead = () => problem(422, "beyond-run-timeout");
  const verdict = verdictOf(await run.attempt((step) => step.sleep("nap", "365d")));
  assert.equal(verdict.headers["durable-retry"], "?0");
  assert.equal(run.puts.length, 1);
});

test("An answer that is lost is asked for again, and 404 goes to the next address", async () => {
  const run = new FakeRun();
  let lost = 0;
  run.instead = (call) => {
    if (call.url.startsWith(RUN_URL)) {
      if (lost++ < 2) throw new TypeError("connection reset");
      return problem(404, "run-unknown");
    }
    return undefined;
  };
  const ending = await run.attempt(async (step) => [await step.run("a", () => 1), await step.run("b", () => 2)], {
    callback: `${RUN_URL} , ${OTHER_URL}`,
  });
  assert.deepEqual(resultOf(ending), [1, 2]);
  assert.deepEqual(
    run.calls.map((call) => new URL(call.url).host),
    ["test.invalid", "test.invalid", "test.invalid", "other.invalid", "other.invalid"],
    "and stays where it was answered",
  );
});

test("A gateway that does not answer fails the attempt", async () => {
  const run = new FakeRun();
  run.instead = () => new Promise(() => {});
  const stuck = (_input: string | URL | Request, init?: RequestInit) =>
    new Promise<Response>((_, reject) => init?.signal?.addEventListener("abort", () => reject(init.signal?.reason)));
  const ending = await run.attempt((step) => step.run("a", () => 1), { fetch: stuck, times: { timeout: 10, delays: [1, 1] } });
  assert.equal(verdictOf(ending).headers["durable-retry"], "?1");
});

test("At most once: the start is announced, and an interrupted step has failed", async () => {
  const run = new FakeRun();
  let executed = 0;
  const handler = (step: Step) =>
    step
      .run("charge", () => ++executed, { atMostOnce: true })
      .catch((error) => (error instanceof StepError ? error.problem.type : Promise.reject(error)));
  run.instead = (call) => (call.headers.get("durable-step-outcome") === "started" ? undefined : problem(503, "store-unavailable"));
  assert.equal(verdictOf(await run.attempt(handler)).headers["durable-retry"], "?1");
  run.instead = () => undefined;
  assert.equal(resultOf(await run.attempt(handler)), "/_durable/problems/step-interrupted");
  assert.equal(executed, 1);
});

test("At most once: a failure is final", async () => {
  const run = new FakeRun();
  await run.attempt((step) =>
    step.run(
      "a",
      () => {
        throw new Error("no");
      },
      { atMostOnce: true, maxAttempts: 9 },
    ),
  );
  assert.equal(run.puts[1]?.headers.get("durable-retry"), "?0");
  assert.ok(run.puts.every((put) => put.headers.get("durable-execution") === run.puts[0]?.headers.get("durable-execution")));
});

test("A body that gives in to its timeout has failed", async () => {
  const run = new FakeRun();
  await run.attempt((step) =>
    step.run("slow", ({ signal }) => new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason))), {
      timeout: 10,
    }),
  );
  assert.match(run.puts[0]?.text ?? "", /did not finish within its timeout of 0.01 s/);
});

test("What a step throws after the request was cancelled is no failure", async () => {
  for (const own of [false, true]) {
    const run = new FakeRun();
    const request = new AbortController();
    const ending = await run.attempt(
      (step) =>
        step.run("a", ({ signal }) => {
          assert.ok(!signal.aborted);
          request.abort();
          assert.ok(signal.aborted);
          if (own) throw new NonRetriableError("said so");
          throw new Error("socket hang up");
        }),
      { signal: request.signal, final: true },
    );
    assert.equal(run.puts.length, own ? 1 : 0);
    if (own) assert.equal(verdictOf(ending).headers["durable-retry"], "?0");
    else assert.equal(ending.kind, "threw");
  }
});

test("The idempotency key of a step is the same in every attempt", async () => {
  const run = new FakeRun();
  const keys: string[] = [];
  const handler = (step: Step) =>
    step.run("a", ({ idempotencyKey }) => {
      keys.push(idempotencyKey);
      if (keys.length === 1) throw new Error("again");
    });
  await run.attempt(handler);
  await run.attempt(handler);
  assert.deepEqual(keys, [`${RUN_ID}/a`, `${RUN_ID}/a`]);
});

test("A handler that changed says what does not fit", async () => {
  const run = new FakeRun();
  await run.attempt((step) => step.run("old ü", () => 1));
  await run.attempt((step) => step.run("nap", () => 1));
  const attempt = run.begin({ build: 'b"1', inlined: false });
  resultOf(await attempt.run((step) => step.sleep("nap", 1)));
  assert.deepEqual(attempt.headersOf(200), {
    "durable-build": '"b\\"1"',
    "durable-mismatch": '"old%20%C3%BC";unused, "nap";stored=run;asked=sleep',
  });
});

test("A fetch of one's own is called as a function: that of Workers refuses to be a method", async () => {
  const run = new FakeRun();
  const fetch = function (this: unknown, ...args: Parameters<FakeRun["fetch"]>) {
    assert.equal(this, undefined);
    return run.fetch(...args);
  };
  assert.equal(resultOf(await run.attempt((step) => step.run("a", () => 1), { fetch })), 1);
});

test("A run of ten thousand steps", async () => {
  const run = new FakeRun();
  const rows: { id: string; outcome: string; body: string }[] = [];
  // Not the gateway in memory, which takes its time for so many.
  const fetch = async (input: string | URL | Request, init?: RequestInit) => {
    if (init?.method === "GET") return Response.json(rows);
    rows.push({ id: decodeURIComponent(String(input).split("/").at(-1) as string), outcome: "completed", body: "MQ==" });
    return new Response(null, { status: 201 });
  };
  let executed = 0;
  const handler = async (step: Step) => {
    let sum = 0;
    for (let i = 0; i < 10_000; i++) {
      sum += await step.run("n", () => {
        executed++;
        return 1;
      });
    }
    return sum;
  };
  assert.equal(resultOf(await run.attempt(handler, { fetch })), 10_000);
  const headers = { "durable-step-count": "10000" };
  assert.equal(resultOf(await run.attempt(handler, { fetch, headers })), 10_000);
  assert.equal(executed, 10_000);
});

test("Headers of another version, or that cannot be read, are refused", () => {
  const run = new FakeRun();
  assert.throws(() => run.begin({ headers: { "durable-protocol": "2" } }), /Update the SDK/);
  assert.throws(() => run.begin({ headers: { "durable-steps": '"a' } }), /cannot be read/);
  assert.throws(() => run.begin({ headers: { "durable-callback": "ftp://x" } }), /not an HTTP URL/);
});
