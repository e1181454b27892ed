"""Durable steps for ASGI applications: FastAPI, Starlette, Litestar, Django's asynchronous views, and any other on asyncio.

::

    app = FastAPI()
    app.add_middleware(DurableMiddleware)
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any, Awaitable, Callable, MutableMapping, Optional

from ._attempt import DurableAttempt, current, refusal
from ._errors import CheckpointError
from ._options import DurableOptions
from ._transport import Headers
from ._verdict import Verdict

__all__ = ["DurableMiddleware", "note_exception"]

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_KEY = "durable_gateway.attempt"
# A response of a known length up to this is held until it is whole: then all is known of the handler.
_MAX_HELD = 1024 * 1024


class DurableMiddleware:
    """Makes the handlers of an application attempts of their runs.

    Put it outside of what makes responses of exceptions, or have those told by :func:`note_exception`.

    :param app: The application.
    :param options: How steps are kept.
    """

    def __init__(self, app: App, options: Optional[DurableOptions] = None) -> None:
        self.app = app
        self._options = options or DurableOptions()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # Where an outer application is wrapped as well, that one does it.
        if scope["type"] != "http" or _KEY in scope:
            await self.app(scope, receive, send)
            return
        headers = _Headers(scope)
        try:
            attempt = DurableAttempt.begin(headers.get, self._options)
        except CheckpointError as e:
            await _answer(send, refusal(e, self._options))
            return
        scope = {**scope, _KEY: attempt}
        response = _ResponseFilter(attempt, send)
        arrivals = _Arrivals(receive, attempt) if attempt.info.is_durable else None
        try:
            verdict = await attempt.run(lambda: self.app(scope, arrivals or receive, response.send))
            await response.finish(verdict)
        except BaseException:
            if arrivals is not None and arrivals.disconnected:
                # The gateway has given the attempt up; nobody is there to be answered.
                return
            await response.finish(Verdict.completed())
            raise
        finally:
            if arrivals is not None:
                arrivals.close()


def note_exception(error: BaseException, *_: Any) -> None:
    """Tells the attempt at hand of an exception that the handler has raised and that a framework makes a response of itself.

    Litestar: ``Litestar(…, middleware=[DurableMiddleware], after_exception=[note_exception])``.
    """
    attempt = current.get()
    if attempt is not None:
        attempt.note(error)


class _Headers:
    def __init__(self, scope: Scope) -> None:
        self._values: dict[str, list[str]] = {}
        for name, value in scope.get("headers") or ():
            if name.lower().startswith(b"durable-"):
                self._values.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1"))

    def get(self, name: str) -> Optional[str]:
        values = self._values.get(name.lower())
        return ", ".join(values) if values else None


class _Arrivals:
    """What the server receives, with an eye on its end: the gateway cancels the request of an attempt that it gives up.

    The body is not read ahead of the application. Once it is whole there is nothing to come but the end.
    """

    def __init__(self, receive: Receive, attempt: DurableAttempt) -> None:
        self._receive = receive
        self._attempt = attempt
        self._messages: deque[Message] = deque()
        self._next: Optional[asyncio.Task[Message]] = None
        self.disconnected = False
        self._ask()

    async def __call__(self) -> Message:
        while not self._messages:
            if self.disconnected:
                return {"type": "http.disconnect"}
            self._ask()
            assert self._next is not None
            await asyncio.wait([self._next])
            if self._next is not None and self._next.done():
                # Its callback has not been called yet, or it failed.
                self._arrived(self._next)
        message = self._messages.popleft()
        if message["type"] == "http.request" and message.get("more_body", False):
            self._ask()
        return message

    def close(self) -> None:
        if self._next is not None:
            self._next.cancel()

    def _ask(self) -> None:
        if self._next is None:
            self._next = asyncio.ensure_future(self._received())
            self._next.add_done_callback(self._arrived)

    async def _received(self) -> Message:
        return await self._receive()

    def _arrived(self, task: asyncio.Task[Message]) -> None:
        if task is not self._next or task.cancelled():
            return
        self._next = None
        message: Message = {"type": "http.disconnect"} if task.exception() is not None else task.result()
        if message["type"] == "http.disconnect":
            self.disconnected = True
            if not self._attempt.has_ended:
                self._attempt.cancel()
            return
        self._messages.append(message)
        if not message.get("more_body", False):
            self._ask()


class _CutOff(Exception):
    """The response is under way, and must not end well: it would be taken for the run's result."""


class _ResponseFilter:
    """Lets a response pass, adds what the gateway is told with it, and puts another one in its place where the attempt ends otherwise."""

    def __init__(self, attempt: DurableAttempt, send: Send) -> None:
        self._attempt = attempt
        self._send = send
        self._start: Optional[Message] = None
        self._held: list[Message] = []
        self._whole = False
        self._passing = False
        self._told = False
        self._discarding = False
        self._done = False

    async def send(self, message: Message) -> None:
        kind = message["type"]
        if self._done or (self._discarding and kind == "http.response.start"):
            return
        if kind == "http.response.start":
            # An exception handler may have made a response of what was meant for the gateway.
            self._discarding = self._attempt.override is not None
            self._start = message
            self._attempt.responds(self._status)
            return
        if kind != "http.response.body":
            await self._other(message)
            return
        more = message.get("more_body", False)
        if self._passing:
            if not more:
                verdict = await self._attempt.end(None)
                if not verdict.is_completed and not self._told:
                    raise _CutOff("The attempt did not end as its response says.")
                self._done = True
            await self._send(message)
            return
        if not self._discarding:
            self._held.append(message)
        if more:
            if not self._discarding and not self._holds:
                await self._pass(self._attempt.headers_of(self._status))
            return
        self._whole = True

        # An exception may follow that the response was made of.
        if self._status < 500 or self._discarding:
            await self.finish(await self._attempt.end(None))

    async def finish(self, verdict: Verdict) -> None:
        """Answers as the verdict says, if that has not been done yet."""
        if self._done:
            return
        if self._passing:
            if not verdict.is_completed and not self._told:
                raise _CutOff("The attempt did not end as its response says.")
            return
        if not verdict.is_completed:
            self._done = True
            await _answer(self._send, verdict)
        elif self._start is not None and self._whole:
            self._done = True
            await self._pass(list(verdict.headers))

    @property
    def _status(self) -> int:
        return 0 if self._start is None else int(self._start["status"])

    @property
    def _holds(self) -> bool:
        assert self._start is not None
        for name, value in self._start.get("headers") or ():
            if name.lower() == b"content-length":
                return value.isdigit() and int(value) <= _MAX_HELD
        return False

    async def _pass(self, headers: Headers) -> None:
        assert self._start is not None
        self._passing = True
        self._told = self._attempt.override is not None
        added = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        await self._send({**self._start, "headers": [*(self._start.get("headers") or ()), *added]})
        held, self._held = self._held, []
        for message in held:
            await self._send(message)

    async def _other(self, message: Message) -> None:
        """Extensions of ASGI: early hints, trailers, a file by its path."""
        if self._discarding:
            return
        if self._start is not None and not self._passing:
            await self._pass(self._attempt.headers_of(self._status))
        await self._send(message)


async def _answer(send: Send, verdict: Verdict) -> None:
    headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in verdict.response_headers()]
    await send({"type": "http.response.start", "status": verdict.status, "headers": headers})
    await send({"type": "http.response.body", "body": verdict.problem or b""})
