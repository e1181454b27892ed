"""Durable steps for WSGI applications.

::

    app = DurableMiddleware(app)

Flask and Django make responses of exceptions themselves: use :mod:`durable_gateway.flask` and :mod:`durable_gateway.django`.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Any, Callable, Iterable, Iterator, Optional

from ._attempt import DurableAttempt, refusal
from ._errors import CheckpointError
from ._options import DurableOptions
from ._transport import Headers
from ._verdict import Verdict

__all__ = ["DurableMiddleware"]

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
App = Callable[[Environ, StartResponse], Iterable[bytes]]

_KEY = "durable_gateway.attempt"
_MAX_HELD = 1024 * 1024


class DurableMiddleware:
    """Makes the handlers of an application attempts of their runs.

    :param app: The application.
    :param options: How steps are kept.
    """

    def __init__(self, app: App, options: Optional[DurableOptions] = None) -> None:
        self.app = app
        self._options = options or DurableOptions()

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        # Where an outer application is wrapped as well, that one does it.
        if _KEY in environ:
            return self.app(environ, start_response)
        try:
            attempt = DurableAttempt.begin(lambda name: environ.get("HTTP_" + name.upper().replace("-", "_")), self._options)
        except CheckpointError as e:
            return _answer(start_response, refusal(e, self._options))
        environ[_KEY] = attempt
        response = _Response()
        failure: Optional[BaseException] = None
        try:
            attempt.enter(lambda: response.open(self.app, environ))
        except (Exception, asyncio.CancelledError) as e:
            failure = e
        if failure is None and not response.is_whole and attempt.override is None:
            response.start(start_response, attempt.headers_of(response.status_code))
            return _Stream(attempt, response)
        attempt.responds(response.status_code)
        verdict = attempt.end_sync(failure)
        if not verdict.is_completed:
            response.close()
            return _answer(start_response, verdict)
        if not response.is_started:
            response.close()
            if failure is not None:
                raise failure
            raise RuntimeError("The application has not called start_response.")
        response.start(start_response, list(verdict.headers))
        return _Whole(response)


class _Response:
    """What the application answers."""

    def __init__(self) -> None:
        self.is_started = False
        self.is_whole = False
        self.status_code = 0
        self.chunks: list[bytes] = []
        self.rest: Iterator[bytes] = iter(())
        self._status = ""
        self._headers: Headers = []
        self._iterable: Any = None

    def open(self, app: App, environ: Environ) -> None:
        """Calls the application, and reads what it answers: all of it where that is of a known length, else as far as its first piece."""
        self._iterable = app(environ, self._start_response)
        self.rest = iter(self._iterable)
        holds = isinstance(self._iterable, (list, tuple))
        for chunk in self.rest:
            self.chunks.append(chunk)
            if self.is_started and not holds and not self._is_of_known_length:
                return
        self.is_whole = True

    def start(self, start_response: StartResponse, headers: Headers) -> None:
        start_response(self._status, [*self._headers, *headers])

    def close(self) -> None:
        close = getattr(self._iterable, "close", None)
        self._iterable = None
        if close is not None:
            close()

    @property
    def _is_of_known_length(self) -> bool:
        length = next((value for name, value in self._headers if name.lower() == "content-length"), "")
        return length.isdigit() and int(length) <= _MAX_HELD

    def _start_response(self, status: str, headers: Headers, exc_info: Any = None) -> Callable[[bytes], None]:
        self.is_started = True
        self._status, self._headers = status, list(headers)
        self.status_code = int(status[:3])
        return self.chunks.append


class _Whole:
    def __init__(self, response: _Response) -> None:
        self._response = response

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._response.chunks)

    def __len__(self) -> int:
        return len(self._response.chunks)

    def close(self) -> None:
        self._response.close()


class _Stream:
    """A response that is made as it is sent. It ends well only where the attempt does."""

    def __init__(self, attempt: DurableAttempt, response: _Response) -> None:
        self._attempt = attempt
        self._response = response

    def __iter__(self) -> Iterator[bytes]:
        yield from self._response.chunks
        failure: Optional[BaseException] = None
        while True:
            try:
                chunk = self._attempt.enter(lambda: next(self._response.rest, None))
            except (Exception, asyncio.CancelledError) as e:
                failure = e
                break
            if chunk is None:
                break
            yield chunk
        verdict = self._attempt.end_sync(failure)
        if failure is not None:
            raise failure
        if not verdict.is_completed:
            raise RuntimeError("The response is cut off, because the attempt did not end as its response says.")

    def close(self) -> None:
        self._response.close()


def _answer(start_response: StartResponse, verdict: Verdict) -> Iterable[bytes]:
    start_response(f"{verdict.status} {HTTPStatus(verdict.status).phrase}", verdict.response_headers())
    return [verdict.problem] if verdict.problem else []
