"""The scenario service: an ASGI application, or with TWIN=sync a WSGI one."""

from __future__ import annotations

import json
import os
import socket
import sys
from typing import Any

from durable_gateway import DurableOptions
from durable_gateway import asgi as durable_asgi
from durable_gateway import wsgi as durable_wsgi

from .journal import Journal
from .program import Program, Stream, unknown_operation
from .twins import InThreads, OnLoop, finish

OPTIONS = DurableOptions(build="conformance", suspend_after=0.2)


def ready(language: str, lacks: list[str]) -> bytes:
    return json.dumps({"language": language, "lacks": lacks}).encode()


def on_loop(journal: Journal) -> Any:
    twin = OnLoop()

    async def answer(send: Any, status: int, headers: dict[str, str], body: bytes) -> None:
        said = {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers}
        await send(
            {"type": "http.response.start", "status": status, "headers": [(name.encode(), value.encode()) for name, value in said.items()]}
        )
        await send({"type": "http.response.body", "body": body})

    async def handler(scope: Any, receive: Any, send: Any) -> None:
        try:
            response = await Program(scope["program"], journal, twin).handle()
        except Stream as e:
            last = dict(scope["headers"]).get(b"last-event-id")
            headers = [(name.encode(), value.encode()) for name, value in e.headers.items()]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            for part in e.parts(last and last.decode()):
                await send({"type": "http.response.body", "body": part, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
            return
        await answer(send, *response)

    durable = durable_asgi.DurableMiddleware(handler, OPTIONS)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/ready":
            await answer(send, 200, {}, ready("python", twin.lacks))
            return
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        program = json.loads(body)
        unknown = unknown_operation(program["do"])
        if unknown is not None:
            await answer(send, 501, {}, json.dumps({"unknown": unknown}).encode())
            return
        await durable({**scope, "program": program}, receive, send)

    return app


def in_threads(journal: Journal) -> Any:
    twin = InThreads()

    def answer(start_response: Any, status: int, headers: dict[str, str], body: bytes) -> list[bytes]:
        said = {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers}
        start_response(f"{status} X", list(said.items()))
        return [body]

    def handler(environ: Any, start_response: Any) -> Any:
        try:
            return answer(start_response, *finish(Program(environ["program"], journal, twin).handle()))
        except Stream as e:
            start_response("200 OK", list(e.headers.items()))
            return e.parts(environ.get("HTTP_LAST_EVENT_ID"))

    durable = durable_wsgi.DurableMiddleware(handler, OPTIONS)

    def app(environ: Any, start_response: Any) -> Any:
        if environ["PATH_INFO"] == "/ready":
            return answer(start_response, 200, {}, ready("python (sync)", twin.lacks))
        length = environ.get("CONTENT_LENGTH")
        program = json.loads(environ["wsgi.input"].read(int(length)) if length else environ["wsgi.input"].read())
        unknown = unknown_operation(program["do"])
        if unknown is not None:
            return answer(start_response, 501, {}, json.dumps({"unknown": unknown}).encode())
        environ["program"] = program
        return durable(environ, start_response)

    return app


def serve_on_loop(app: Any, port: int) -> None:
    import uvicorn

    listener = socket.create_server(("127.0.0.1", port), backlog=1024)
    print("listening", flush=True)
    config = uvicorn.Config(app, log_level="error", lifespan="off")
    uvicorn.Server(config).run(sockets=[listener])


def serve_in_threads(app: Any, port: int) -> None:
    from socketserver import ThreadingMixIn
    from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

    class Server(ThreadingMixIn, WSGIServer):
        daemon_threads = True
        request_queue_size = 1024

    class Quiet(WSGIRequestHandler):
        def log_message(self, *_: Any) -> None:
            ...

    server = make_server("127.0.0.1", port, app, Server, Quiet)
    print("listening", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    kept = Journal(os.environ["JOURNAL"])
    listening_on = int(os.environ["PORT"])
    if os.environ.get("TWIN") == "sync":
        serve_in_threads(in_threads(kept), listening_on)
    else:
        serve_on_loop(on_loop(kept), listening_on)
    sys.exit(0)
