import "reflect-metadata";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { Body, Controller, Get, Headers, Module, Post, Res } from "@nestjs/common";
import { NestFactory } from "@nestjs/core";
import { FastifyAdapter, type NestFastifyApplication } from "@nestjs/platform-fastify";
import express from "express";
import fastify, { type FastifyReply } from "fastify";
import { durable as onExpress } from "../src/express.js";
import { durable as onFastify } from "../src/fastify.js";
import { Durable, InjectStep } from "../src/nest.js";
import { durable, type Step } from "../src/node.js";
import { execute, options } from "./handler.js";
import { type Program, unknownIn } from "./program.js";

const READY = { language: "typescript", lacks: [], scenarios: process.env.SCENARIOS || "all" };

/** What is answered in place of a program with operations that nobody knows. */
const refusal = (program: Program) => {
  const unknown = unknownIn(program.do);
  return unknown.length > 0 ? `unknown: ${unknown}` : undefined;
};

const isStream = (response: Response) => response.headers.get("content-type") === "text/event-stream";
const bodyOf = (response: Response) => Readable.fromWeb(response.body as Parameters<typeof Readable.fromWeb>[0], { highWaterMark: 1 });

/** Starts a host on a port of 127.0.0.1. The handlers of all but the first write the response themselves, as is usual with them. */
export const hosts: Record<string, (port: number) => Promise<unknown>> = {
  fetch: async (port) => {
    const handle = durable(
      (request: Request, step, program: Program) => execute(program, step, request.headers.get("last-event-id")),
      options,
    );
    const answer = async (incoming: IncomingMessage, outgoing: ServerResponse) => {
      if (incoming.url === "/ready") return Response.json(READY);
      const left = new AbortController();
      outgoing.once("close", () => outgoing.writableFinished || left.abort());
      const request = new Request(new URL(incoming.url ?? "/", "http://127.0.0.1"), {
        method: incoming.method ?? "POST",
        headers: Object.entries(incoming.headers).map(([name, value]) => [name, String(value)] as [string, string]),
        signal: left.signal,
      });
      const program = JSON.parse(await new Response(Readable.toWeb(incoming) as ReadableStream).text()) as Program;
      const refused = refusal(program);
      return refused ? new Response(refused, { status: 501 }) : handle(request, program);
    };
    const server = createServer(async (incoming, outgoing) => {
      const response = await answer(incoming, outgoing).catch((error) => {
        console.error(error);
        return new Response("Internal Server Error", { status: 500 });
      });
      outgoing.writeHead(response.status, [...response.headers].flat());
      if (response.body) for await (const part of response.body) outgoing.write(part);
      outgoing.end();
    });
    await new Promise<void>((done) => server.listen(port, "127.0.0.1", done));
  },

  express: async (port) => {
    const app = express();
    app.use(express.json());
    app.get("/ready", (_, res) => void res.json(READY));
    app.post(
      "/program",
      (req, res, next) => {
        const refused = refusal(req.body);
        if (refused) res.status(501).send(refused);
        else next();
      },
      onExpress(async (req, res, step) => {
        const response = await execute(req.body, step, req.headers["last-event-id"]);
        res.status(response.status).set(Object.fromEntries(response.headers));
        if (isStream(response)) await pipeline(bodyOf(response), res);
        else res.send(await response.text());
      }, options),
    );
    await new Promise<void>((done) => app.listen(port, "127.0.0.1", () => done()));
  },

  fastify: async (port) => {
    const app = fastify();
    app.get("/ready", () => READY);
    app.post<{ Body: Program }>("/program", {
      preHandler: async (request, reply) => {
        const refused = refusal(request.body);
        return refused ? reply.code(501).send(refused) : undefined;
      },
      handler: onFastify<{ Body: Program }>(async (request, reply, step) => {
        const response = await execute(request.body, step, request.headers["last-event-id"]);
        return reply
          .code(response.status)
          .headers(Object.fromEntries(response.headers))
          .send(isStream(response) ? bodyOf(response) : await response.text());
      }, options),
    });
    await app.listen({ port, host: "127.0.0.1" });
  },

  nest: async (port) => {
    const app = await NestFactory.create(App, { logger: ["error"] });
    await app.listen(port, "127.0.0.1");
  },

  "nest-fastify": async (port) => {
    const app = await NestFactory.create<NestFastifyApplication>(App, new FastifyAdapter(), { logger: ["error"] });
    await app.listen(port, "127.0.0.1");
  },
};

@Controller()
class Programs {
  @Get("ready")
  ready() {
    return READY;
  }

  @Post("program")
  @Durable(options)
  async program(
    @Headers("last-event-id") last: string | undefined,
    @Body() program: Program,
    @Res() res: express.Response | FastifyReply,
    @InjectStep() step: Step,
  ) {
    const refused = refusal(program);
    if (refused) return void res.status(501).send(refused);
    const response = await execute(program, step, last);
    for (const [name, value] of response.headers) res.header(name, value);
    res.status(response.status);
    if (!isStream(response)) res.send(await response.text());
    else if ("raw" in res) await res.send(bodyOf(response));
    else await pipeline(bodyOf(response), res);
  }
}

@Module({ controllers: [Programs] })
class App {}
