// The scenario service of tests/conformance/PROGRAM.md.
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { durable } from "../src/node.js";
import { Interpreter, Responding } from "./interpreter.js";
import { Journal } from "./journal.js";
import { type Program, unknownIn } from "./program.js";

const journal = new Journal(process.env.JOURNAL ?? "journal.jsonl");

const execute = durable(
  async (_request: Request, step, program: Program) => {
    const execution = journal.write({
      case: program.case,
      event: "handler",
      durable: step.info.isDurable,
      ...(step.info.isDurable ? { runId: step.info.id, attempt: step.info.attempt } : {}),
    });
    try {
      return Response.json(await new Interpreter(program, execution, step, journal).all(program.do));
    } catch (error) {
      if (error instanceof Responding) return error.response;
      throw error;
    } finally {
      journal.write({ case: program.case, event: "end" });
    }
  },
  { suspendAfter: 200, build: "conformance" },
);

async function answer(incoming: IncomingMessage, outgoing: ServerResponse): Promise<Response> {
  if (incoming.url === "/ready") return Response.json({ language: "typescript", lacks: [] });
  const left = new AbortController();
  outgoing.once("close", () => outgoing.writableFinished || left.abort());
  const request = new Request(new URL(incoming.url ?? "/", "http://127.0.0.1"), {
    method: incoming.method ?? "POST",
    headers: Object.entries(incoming.headers).map(([name, value]) => [name, String(value)] as [string, string]),
    signal: left.signal,
  });
  const program = JSON.parse(await new Response(Readable.toWeb(incoming) as ReadableStream).text()) as Program;
  const unknown = unknownIn(program.do);
  return unknown.length > 0 ? new Response(`unknown: ${unknown}`, { status: 501 }) : execute(request, program);
}

const server = createServer((incoming, outgoing) => {
  answer(incoming, outgoing)
    .catch((error) => {
      console.error(error);
      return new Response("Internal Server Error", { status: 500 });
    })
    .then(async (response) => {
      const body = Buffer.from(await response.arrayBuffer());
      outgoing.writeHead(response.status, [...response.headers].flat()).end(body);
    });
});
server.listen(Number(process.env.PORT), "127.0.0.1", () => console.log("listening"));
