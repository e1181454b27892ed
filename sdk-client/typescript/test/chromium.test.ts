// durableFetch in a real browser, whose fetch follows redirects, pools connections and forgets its page in ways that Node's does not.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, beforeEach, describe, test } from "node:test";
import { type Deferred, deferred } from "../src/core/signals.js";
import { Page, skipped, within } from "./support/chromium.js";

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

const RESULT = "/_durable/v1/results/run-1?token=t";
const PAGE = `<!doctype html><link rel="icon" href="data:,"><script type="module">
  import { cancelRun, durableFetch } from "/sdk/browser.js";
  Object.assign(window, { cancelRun, durableFetch });
  // What a test asks for outside of the call of the DevTools, which ends with its page.
  window.begin = (url, options) => { window.response = durableFetch(url, options); window.response.catch(() => {}); };
  window.told = async (response) => { const { status, url, redirected } = await response;
    return { status, path: url.slice(location.origin.length), redirected, text: await (await response).text() }; };
</script>`;

const done: Answer = (_, response) => response.writeHead(200, { "durable-status": "completed", "content-type": "text/plain" }).end("done");
const lost: Answer = (request) => request.socket.destroy();
const redirect =
  (location: string): Answer =>
  (_, response) =>
    response.writeHead(303, { location, "retry-after": "1" }).end();
const accepted: Answer = (_, response) =>
  response.writeHead(202, { location: RESULT, "preference-applied": "respond-async", "durable-run-id": "run-1", "retry-after": "1" }).end();

/** Does not answer. It tells when it is asked, and when the browser has gone away. */
function silence(): { answer: Answer; asked: Deferred; left: Deferred } {
  const asked = deferred();
  const left = deferred();
  const answer: Answer = (_, response) => {
    response.once("close", left.resolve);
    asked.resolve();
  };
  return { answer, asked, left };
}

describe("In a browser", { skip: skipped, timeout: 300_000 }, () => {
  let page: Page;
  let origin = "";
  let script: Answer[] = [];
  let seen: { line: string; headers: IncomingMessage["headers"]; body: string }[] = [];
  const told = deferred();

  /** Plays the gateway, and the site behind it that has the page. */
  const server = createServer(async (request, response) => {
    const { method, url = "/" } = request;
    if (url === "/") return response.writeHead(200, { "content-type": "text/html" }).end(PAGE);
    if (url === "/told") {
      told.resolve();
      return response.writeHead(204).end();
    }
    const module = /^\/sdk\/((?:core\/|client\/)?[a-z-]+\.js)$/.exec(url)?.[1];
    if (module) {
      const source = readFileSync(new URL(`../src/${module}`, import.meta.url));
      return response.writeHead(200, { "content-type": "text/javascript" }).end(source);
    }
    let body = "";
    for await (const chunk of request) body += chunk;
    seen.push({ line: `${method} ${url}`, headers: request.headers, body });
    const answer = script.shift();
    if (answer) answer(request, response);
    else response.writeHead(599).end("nothing more was expected");
  });
  const lines = () => seen.map(({ line }) => line);

  before(async () => {
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    page = await Page.open();
  });
  after(async () => {
    await page?.close();
    server.close();
    server.closeAllConnections();
  });
  beforeEach(async () => {
    script = [];
    seen = [];
    await page.navigate(`${origin}/`);
    await page.evaluate("sessionStorage.clear()");
  });

  test("The redirects lead to the result", async () => {
    script = [redirect(`.${RESULT}`), redirect(`${RESULT}&hop=1`), done];
    assert.deepEqual(await page.evaluate('told(durableFetch("/orders", { method: "POST", body: "x" }))'), {
      status: 200,
      path: `${RESULT}&hop=1`,
      redirected: true,
      text: "done",
    });
    assert.deepEqual(lines(), ["POST /orders", `GET ${RESULT}`, `GET ${RESULT}&hop=1`]);
    assert.match(String(seen[0]?.headers["idempotency-key"]), /^"[0-9a-f]{32}"$/);
  });

  test("A request whose answer was lost is sent again, with the same key and body", async () => {
    // Of these, the browser may repeat the first one by itself: that a kept connection ends is nothing special.
    script = [lost, lost, done];
    assert.equal(
      await page.evaluate('durableFetch("/orders", { method: "POST", body: "payload" }).then((response) => response.text())'),
      "done",
    );
    assert.deepEqual(lines(), ["POST /orders", "POST /orders", "POST /orders"]);
    assert.equal(new Set(seen.map(({ headers }) => headers["idempotency-key"])).size, 1);
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
    assert.equal(await page.evaluate('durableFetch("/orders", { method: "POST" }).then((response) => response.text())'), "done");
    assert.deepEqual(lines(), ["POST /orders", `GET ${RESULT}`]);
  });

  test("After a reload the page waits for the same run", async () => {
    const { answer, asked, left } = silence();
    script = [accepted, answer];
    await page.evaluate('begin("/orders", { method: "POST", body: "x", resume: "checkout" })');
    await within("The request for the result", asked.promise);
    await page.reload();
    await within("The end of the old page's request", left.promise);
    assert.deepEqual(JSON.parse(await page.evaluate('sessionStorage.getItem("durable-gateway:checkout")')).url, `${origin}${RESULT}`);
    script = [done];
    assert.equal(
      await page.evaluate('durableFetch("/orders", { method: "POST", body: "x", resume: "checkout" }).then((response) => response.text())'),
      "done",
    );
    assert.deepEqual(lines(), ["POST /orders", `GET ${RESULT}`, `GET ${RESULT}`]);
    assert.equal(await page.evaluate("sessionStorage.length"), 0, "the next one is a new request");
  });

  test("After a reload before the answer, the request is sent again with the same key", async () => {
    const { answer, asked } = silence();
    script = [answer];
    await page.evaluate('begin("/orders", { method: "POST", body: "x", resume: "checkout" })');
    await within("The request", asked.promise);
    await page.reload();
    script = [accepted, done];
    assert.equal(
      await page.evaluate('durableFetch("/orders", { method: "POST", body: "x", resume: "checkout" }).then((response) => response.text())'),
      "done",
    );
    assert.deepEqual(lines(), ["POST /orders", "POST /orders", `GET ${RESULT}`]);
    assert.equal(seen[0]?.headers["idempotency-key"], seen[1]?.headers["idempotency-key"]);
  });

  test("Progress is told event by event as it comes, across a lost connection", async () => {
    const history = { "content-type": "text/event-stream" };
    script = [
      accepted,
      (request, response) => {
        response.writeHead(200, history).write('id: h1\nevent: attempt\ndata: {"attempt":1,"time":"t"}\n\n');
        // The connection is cut when the page has been told of what came, and not before.
        void told.promise.then(() => request.socket.destroy());
      },
      (_, response) =>
        response
          .writeHead(200, history)
          .end(
            'id: h2\nevent: step\ndata: {"attempt":1,"step":"charge","state":"completed","time":"t"}\n\n' +
              "id: h-end\nevent: result\ndata: {}\n\n",
          ),
      done,
    ];
    const [text, types] = await page.evaluate<[string, string[]]>(`(async () => {
      const types = [];
      const onProgress = ({ type }) => { types.push(type); if (type === "attempt") fetch("/told"); };
      const response = await durableFetch("/orders", { method: "POST", onProgress });
      return [await response.text(), types];
    })()`);
    assert.deepEqual([text, types], ["done", ["accepted", "attempt", "interrupted", "step"]]);
    assert.deepEqual(lines(), ["POST /orders", `GET ${RESULT}`, `GET ${RESULT}`, `GET ${RESULT}`]);
    assert.deepEqual([seen[0]?.headers.prefer, seen[2]?.headers["last-event-id"]], ["respond-async", "h1"]);
  });

  for (const [which, answered, more] of [
    ["a redirect", redirect(RESULT), ""],
    ["a request that was accepted", accepted, ', resume: "checkout"'],
  ] as const) {
    test(`The signal ends the waiting, and not the run, behind ${which}`, async () => {
      const { answer, asked, left } = silence();
      script = [answered, answer];
      await page.evaluate(
        `window.controller = new AbortController(); begin("/orders", { method: "POST", signal: controller.signal${more} })`,
      );
      await within("The request for the result", asked.promise);
      assert.equal(
        await page.evaluate('controller.abort(new Error("enough")); response.then(() => "answered", (error) => error.message)'),
        "enough",
      );
      await within("The end of the request", left.promise);
      assert.deepEqual(lines(), ["POST /orders", `GET ${RESULT}`]);
    });
  }

  test("A run is cancelled by its result URL", async () => {
    script = [(_, response) => response.writeHead(204).end()];
    assert.equal(await page.evaluate(`cancelRun(${JSON.stringify(RESULT)})`), true);
    assert.deepEqual(lines(), ["DELETE /_durable/v1/results/run-1/run?token=t"]);
  });
});
