"""An HTTP server on loopback that answers as a test says, byte for byte where it must."""

from __future__ import annotations

import contextlib
import socket
import threading
from dataclasses import dataclass, field
from typing import Callable, Union

Reply = Union[bytes, Callable[["Received"], bytes]]


@dataclass
class Received:
    method: str
    target: str
    headers: dict[str, str]
    body: bytes


def reply(status: int, body: bytes = b"", **headers: str) -> bytes:
    lines = [
        f"HTTP/1.1 {status} X",
        *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items()),
        f"Content-Length: {len(body)}",
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@dataclass
class ScriptedServer:
    """Replies in turn; the last one is repeated. An empty reply, or one that is cut off, ends the connection."""

    replies: list[Reply] = field(default_factory=list)
    received: list[Received] = field(default_factory=list)
    connections: int = 0

    def __enter__(self) -> ScriptedServer:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        # A client may reset a connection that it has given up.
        with contextlib.suppress(ConnectionError):
            self._converse(connection)

    def _converse(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as reader:
            while True:
                line = reader.readline().decode("latin-1").split()
                if len(line) != 3:
                    return
                headers: dict[str, str] = {}
                while (text := reader.readline().decode("latin-1").strip()) != "":
                    name, _, value = text.partition(":")
                    headers[name.lower()] = value.strip()
                received = Received(line[0], line[1], headers, reader.read(int(headers.get("content-length", 0))))
                with self._lock:
                    self.received.append(received)
                    answer = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
                content = answer if isinstance(answer, bytes) else answer(received)
                try:
                    connection.sendall(content)
                except OSError:
                    return
                head, _, body = content.partition(b"\r\n\r\n")
                declared = next(
                    (int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), -1
                )
                if len(body) != declared:
                    return
