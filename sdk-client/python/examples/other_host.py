"""A host of one's own: here the server of the standard library, without a framework."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler
from typing import Any

from durable_gateway import CheckpointError, DurableAttempt, refusal
from durable_gateway.sync import step


def handle(body: bytes) -> bytes:
    return str(step.run("length", lambda: len(body))).encode()


class Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        content = []
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        try:
            verdict = DurableAttempt.begin(self.headers.get).run_sync(lambda: content.append(handle(body)))
        except CheckpointError as e:
            verdict = refusal(e)
        answer = content[0] if verdict.is_completed else verdict.problem or b""
        self.send_response(200 if verdict.is_completed else verdict.status)
        for name, value in verdict.headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: Any) -> None:
        ...
