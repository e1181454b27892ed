"""Durable steps for Django, by WSGI and ASGI.

::

    MIDDLEWARE = [
        …,
        "durable_gateway.django.DurableMiddleware",
    ]
    DURABLE_GATEWAY = {"build": "2026-11-23.4"}
"""

from __future__ import annotations

import asyncio
from typing import Any, Awaitable, Callable, Iterator, Optional, Union

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.conf import settings
from django.http import HttpResponse

from ._attempt import DurableAttempt, current, refusal
from ._errors import CheckpointError
from ._options import DurableOptions
from ._verdict import Verdict

__all__ = ["DurableMiddleware"]


class DurableMiddleware:
    """Makes views attempts of their runs. The setting ``DURABLE_GATEWAY`` has the members of :class:`durable_gateway.DurableOptions`.

    Put it last: a middleware further in that makes responses of exceptions (``process_exception``) makes a failure its affair.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[Any], Any]) -> None:
        self.get_response = get_response
        self._options = DurableOptions(**getattr(settings, "DURABLE_GATEWAY", {}))
        self._is_async = bool(iscoroutinefunction(get_response))
        if self._is_async:
            markcoroutinefunction(self)

    def __call__(self, request: Any) -> Union[Any, Awaitable[Any]]:
        try:
            attempt = DurableAttempt.begin(request.headers.get, self._options)
        except CheckpointError as e:
            refused = _answer(refusal(e, self._options))
            return _given(refused) if self._is_async else refused
        return self._respond_async(attempt, request) if self._is_async else self._respond(attempt, request)

    def process_exception(self, request: Any, exception: BaseException) -> None:
        """Django makes an ordinary response of it, unless another middleware has an answer."""
        attempt = current.get()
        if attempt is not None:
            attempt.note(exception)

    def _respond(self, attempt: DurableAttempt, request: Any) -> Any:
        response: Any = None
        failure: Optional[BaseException] = None
        try:
            response = attempt.enter(lambda: self.get_response(request))
        except (Exception, asyncio.CancelledError) as e:
            failure = e
        if response is not None and response.streaming and attempt.override is None:
            response.streaming_content = _streamed(attempt, response.streaming_content)
            return _with(response, attempt.headers_of(response.status_code))
        if response is not None:
            attempt.responds(response.status_code)
        return self._judged(attempt.end_sync(failure), response, failure)

    async def _respond_async(self, attempt: DurableAttempt, request: Any) -> Any:
        responses: list[Any] = []
        streams = False

        async def handle() -> None:
            nonlocal streams
            response = await self.get_response(request)
            responses.append(response)
            attempt.responds(response.status_code)
            # It continues outside of the middleware, where no step can begin.
            streams = response.streaming and attempt.override is None

        failure: Optional[BaseException] = None
        verdict = Verdict.completed()
        try:
            verdict = await attempt.run(handle)
        except (Exception, asyncio.CancelledError) as e:
            failure = e
        response = responses[0] if responses else None
        if streams and verdict.is_completed:
            return _with(response, attempt.headers_of(response.status_code))
        return self._judged(verdict, response, failure)

    @staticmethod
    def _judged(verdict: Verdict, response: Any, failure: Optional[BaseException]) -> Any:
        if not verdict.is_completed:
            if response is not None:
                response.close()
            return _answer(verdict)
        if response is None:
            assert failure is not None
            raise failure
        return _with(response, verdict.headers)


async def _given(response: Any) -> Any:
    return response


def _streamed(attempt: DurableAttempt, content: Any) -> Iterator[bytes]:
    chunks = iter(content)
    while True:
        chunk = attempt.enter(lambda: next(chunks, None))
        if chunk is None:
            break
        yield chunk
    if not attempt.end_sync(None).is_completed:
        raise RuntimeError("The response is cut off, because the attempt did not end as its response says.")


def _with(response: Any, headers: Any) -> Any:
    for name, value in headers:
        response[name] = value
    return response


def _answer(verdict: Verdict) -> Any:
    response = HttpResponse(verdict.problem or b"", status=verdict.status)
    del response["Content-Type"]
    return _with(response, verdict.response_headers())
