"""Sends HTTP requests by the standard library, over connections that are kept."""

from __future__ import annotations

import http.client
import select
import socket
import ssl
import threading
import time
from dataclasses import dataclass, field
from typing import Optional, Protocol, runtime_checkable
from urllib.parse import urlsplit

Headers = list[tuple[str, str]]


@dataclass(frozen=True)
class HttpRequest:
    method: str
    url: str
    headers: Headers = field(default_factory=list)
    body: bytes = b""


@dataclass(frozen=True)
class HttpResponse:
    status: int
    headers: Headers
    body: bytes
    reason: str = ""

    def header(self, name: str) -> Optional[str]:
        """The value of a header; several lines are joined by a comma."""
        values = [value for key, value in self.headers if key.lower() == name.lower()]
        return ", ".join(values) if values else None


class Transport(Protocol):
    """Sends a request, once, from whatever thread. Give :class:`DurableOptions` one of your own for proxies, say, or for another HTTP client."""

    def send(self, request: HttpRequest, timeout: float) -> HttpResponse:
        """
        :param timeout: How long the whole may take, in seconds.
        :raises Exception: There was no response. Anything but the errors of this package counts as that.
        """


@runtime_checkable
class AsyncTransport(Protocol):
    """The same, on an event loop: for asynchronous handlers alone."""

    async def asend(self, request: HttpRequest, timeout: float) -> HttpResponse:
        ...


class HttpTransport:
    """Connections of ``http.client``.

    :param ssl_context: For ``https``: certificates of your own, a client certificate. The default is the system's.
    :param max_idle: How many idle connections are kept to each host.
    """

    def __init__(self, *, ssl_context: Optional[ssl.SSLContext] = None, max_idle: int = 32) -> None:
        self._ssl_context = ssl_context
        self._max_idle = max_idle
        self._lock = threading.Lock()
        self._idle: dict[tuple[str, str], list[http.client.HTTPConnection]] = {}

    def send(self, request: HttpRequest, timeout: float) -> HttpResponse:
        deadline = time.monotonic() + timeout
        url = urlsplit(request.url)
        key = (url.scheme, url.netloc)
        connection = self._take(key) or self._new(url.scheme, url.netloc)
        target = (url.path or "/") + (f"?{url.query}" if url.query else "")
        try:
            connection.timeout = timeout
            if connection.sock is not None:
                connection.sock.settimeout(timeout)
            headers = {"Accept-Encoding": "identity"}
            for name, value in request.headers:
                headers[name] = f"{headers[name]}, {value}" if name in headers else value
            body = request.body if request.body or request.method in ("POST", "PUT", "PATCH") else None
            connection.request(request.method, target, body=body, headers=headers)
            self._limit(connection, deadline)
            response = connection.getresponse()
            self._limit(connection, deadline)
            content = response.read()
            result = HttpResponse(response.status, response.getheaders(), content, response.reason)
        except BaseException:
            connection.close()
            raise
        if response.will_close:
            connection.close()
        else:
            self._give(key, connection)
        return result

    def close(self) -> None:
        """Closes the idle connections."""
        with self._lock:
            idle, self._idle = self._idle, {}
        for connections in idle.values():
            for connection in connections:
                connection.close()

    def _new(self, scheme: str, netloc: str) -> http.client.HTTPConnection:
        if scheme == "https":
            return _NoDelayTls(netloc, context=self._ssl_context or ssl.create_default_context())
        return _NoDelay(netloc)

    def _take(self, key: tuple[str, str]) -> Optional[http.client.HTTPConnection]:
        while True:
            with self._lock:
                idle = self._idle.get(key)
                if not idle:
                    return None
                connection = idle.pop()
            # What can be read of an idle connection is its end: a request on it would be lost.
            if connection.sock is not None and not _is_readable(connection.sock):
                return connection
            connection.close()

    def _give(self, key: tuple[str, str], connection: http.client.HTTPConnection) -> None:
        with self._lock:
            idle = self._idle.setdefault(key, [])
            if len(idle) < self._max_idle:
                idle.append(connection)
                return
        connection.close()

    @staticmethod
    def _limit(connection: http.client.HTTPConnection, deadline: float) -> None:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("There was no response in time.")
        if connection.sock is not None:
            connection.sock.settimeout(left)


class _NoDelay(http.client.HTTPConnection):
    def connect(self) -> None:
        super().connect()
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


class _NoDelayTls(http.client.HTTPSConnection):
    def connect(self) -> None:
        super().connect()
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _is_readable(sock: socket.socket) -> bool:
    try:
        if hasattr(select, "poll"):
            poll = select.poll()
            poll.register(sock, select.POLLIN)
            return bool(poll.poll(0))
        return bool(select.select([sock], [], [], 0)[0])
    except (OSError, ValueError):
        return True
