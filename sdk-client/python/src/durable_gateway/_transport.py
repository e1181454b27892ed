"""Sends HTTP requests by the standard library, over connections that are kept."""

from __future__ import annotations

import http.client
import select
import socket
import ssl
import threading
import time
import weakref
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
    """Sends a request, once, from whatever thread. Give :class:`DurableOptions` one of your own for proxies, say, or for another HTTP
    client."""

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


class ResponseCutOff(ConnectionError):
    """A response has begun and not come to its end. :attr:`response` has what came of it before its body."""

    def __init__(self, response: HttpResponse) -> None:
        super().__init__("The response was cut off.")
        self.response = response


class HttpStream:
    """A response that is read line by line, as it comes."""

    def __init__(self, connection: http.client.HTTPConnection, response: http.client.HTTPResponse) -> None:
        self._connection = connection
        self._response = response
        self.status = response.status
        self.headers: Headers = response.getheaders()
        self.reason = response.reason

    def header(self, name: str) -> Optional[str]:
        return self._response.getheader(name)

    def readline(self) -> bytes:
        """The next line; empty at the end of the response, or where it was cut off."""
        try:
            return self._response.readline()
        except (OSError, ValueError, http.client.HTTPException):
            return b""

    def read(self) -> bytes:
        """The whole body."""
        try:
            return self._response.read()
        except (OSError, http.client.HTTPException) as e:
            raise ResponseCutOff(HttpResponse(self.status, self.headers, b"", self.reason)) from e

    def close(self) -> None:
        """Ends the connection, also where another thread reads from it."""
        if self._connection.sock is not None:
            try:
                self._connection.sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self._connection.close()


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
        weakref.finalize(self, _close_all, self._idle)

    def send(self, request: HttpRequest, timeout: float) -> HttpResponse:
        deadline = time.monotonic() + timeout
        key, connection, response = self._begin(request, timeout, deadline, kept=True)
        try:
            content = response.read()
        except (OSError, http.client.HTTPException) as e:
            connection.close()
            raise ResponseCutOff(HttpResponse(response.status, response.getheaders(), b"", response.reason)) from e
        except BaseException:
            connection.close()
            raise
        if response.will_close:
            connection.close()
        else:
            self._give(key, connection)
        return HttpResponse(response.status, response.getheaders(), content, response.reason)

    def stream(self, request: HttpRequest, silence: float) -> HttpStream:
        """Sends a request whose response is read as it comes.

        :param silence: For how long it may be silent, in seconds.
        """
        _, connection, response = self._begin(request, silence, time.monotonic() + silence, kept=False)
        if connection.sock is not None:
            connection.sock.settimeout(silence)
        return HttpStream(connection, response)

    def _begin(
        self, request: HttpRequest, timeout: float, deadline: float, kept: bool
    ) -> tuple[tuple[str, str], http.client.HTTPConnection, http.client.HTTPResponse]:
        url = urlsplit(request.url)
        key = (url.scheme, url.netloc)
        connection = (self._take(key) if kept else None) or self._new(url.scheme, url.netloc)
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
        except BaseException:
            connection.close()
            raise
        return key, connection, response

    def close(self) -> None:
        """Closes the idle connections."""
        with self._lock:
            _close_all(self._idle)

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
            raise TimeoutError("The response did not arrive in time.")
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


def _close_all(idle: dict[tuple[str, str], list[http.client.HTTPConnection]]) -> None:
    for connections in idle.values():
        while connections:
            connections.pop().close()


def _is_readable(sock: socket.socket) -> bool:
    try:
        if hasattr(select, "poll"):
            poll = select.poll()
            poll.register(sock, select.POLLIN)
            return bool(poll.poll(0))
        return bool(select.select([sock], [], [], 0)[0])
    except (OSError, ValueError):
        return True
