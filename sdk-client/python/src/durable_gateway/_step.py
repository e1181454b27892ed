"""The steps of asynchronous handlers."""

from __future__ import annotations

import asyncio
import functools
import urllib.request
from datetime import datetime
from typing import Any, Awaitable, Callable, Mapping, Optional, TypeVar, Union, overload

from . import _arguments as arguments
from ._ai import ModelCalls
from ._attempt import current
from ._content import UNDECLARED, returned_by
from ._errors import StepUsageError
from ._io import LoopIo
from ._options import Seconds, StepOptions
from ._response import Response
from ._runner import Runner, RunInfo

T = TypeVar("T")


def runner() -> Runner:
    attempt = current.get()
    if attempt is None:
        raise StepUsageError(
            "A step is used outside of an attempt. Wrap the application in the middleware of durable_gateway (asgi, wsgi, flask or "
            "django). In your own thread or executor, run the code in contextvars.copy_context(). In a unit test, use "
            "durable_gateway.testing.TestRun."
        )
    return attempt.runner


class Ai(ModelCalls):
    """Steps around calls of models: :attr:`Step.ai`."""

    __slots__ = ()

    @overload
    async def wrap(self, name: str, call: Callable[..., Awaitable[T]], /, *args: Any, **kwargs: Any) -> T:
        ...

    @overload
    async def wrap(self, name: str, call: Callable[..., T], /, *args: Any, **kwargs: Any) -> T:
        ...

    async def wrap(self, name: str, call: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """Calls a model as a step: ``call(*args, **kwargs)``. What went in and what it cost is kept beside the result, by the names of
        OpenTelemetry's semantic conventions, and shown with the step in the dashboard. The results of OpenAI, Anthropic and Google are
        understood.

        ::

            answer = await step.ai.wrap("summary", client.messages.create, model="claude-sonnet-4-5", max_tokens=500, messages=messages)

        :param name: The step's name: 1 to 256 bytes of UTF-8.
        :param call: The function of the model's library: a coroutine function, or ``asyncio.to_thread`` with a blocking one.
        :returns: What it gave, of the type that ``call`` is annotated to return, or that :meth:`with_options` says; without either, as
            plain JSON.
        """
        body, declared, request, options = self._prepared(call, args, kwargs)
        return await runner().model_call(LoopIo(), name, body, declared, request, options)


class Step:
    """Durable steps of the request at hand. A step's outcome is stored by the gateway before the handler continues; when the request is
    replayed, the stored outcome is returned, and the step's body is not executed again.

    A step is known by its name. The second use of a name within an attempt is ``name#2``, the third ``name#3``, so a loop may use one
    name. Steps of different names may run at the same time.

    Every method raises :class:`StepFailedError` where the step has failed finally (catch it to compensate), and :class:`StepUsageError`
    where it is used incorrectly. :class:`AttemptOver`, which is a cancellation, and :class:`CheckpointError` end this attempt. Do not
    catch them.
    """

    __slots__ = ()

    @property
    def info(self) -> RunInfo:
        """The run and the attempt that this request is."""
        return runner().info

    @property
    def ai(self) -> Ai:
        """Steps around calls of models."""
        return Ai()

    @overload
    async def run(
        self,
        name: str,
        body: Callable[..., Awaitable[T]],
        *args: Any,
        returns: Any = ...,
        max_attempts: Optional[int] = ...,
        retry_delay: Optional[Seconds] = ...,
        max_retry_delay: Optional[Seconds] = ...,
        backoff: Optional[str] = ...,
        timeout: Optional[Seconds] = ...,
        at_most_once: bool = ...,
    ) -> T:
        ...

    @overload
    async def run(
        self,
        name: str,
        body: Callable[..., T],
        *args: Any,
        returns: Any = ...,
        max_attempts: Optional[int] = ...,
        retry_delay: Optional[Seconds] = ...,
        max_retry_delay: Optional[Seconds] = ...,
        backoff: Optional[str] = ...,
        timeout: Optional[Seconds] = ...,
        at_most_once: bool = ...,
    ) -> T:
        ...

    async def run(
        self,
        name: str,
        body: Callable[..., Any],
        *args: Any,
        returns: Any = UNDECLARED,
        max_attempts: Optional[int] = None,
        retry_delay: Optional[Seconds] = None,
        max_retry_delay: Optional[Seconds] = None,
        backoff: Optional[str] = None,
        timeout: Optional[Seconds] = None,
        at_most_once: bool = False,
    ) -> Any:
        """Executes a piece of the handler, once.

        :param name: The step's name: 1 to 256 bytes of UTF-8.
        :param body: What to do: a coroutine function, or a plain function of what does not block. For one that does: ``asyncio.to_thread``
            with it as the first of ``args``.
        :param args: What it is called with.
        :param returns: The type of the result, where ``body`` is not annotated. Without either a result comes back as plain JSON.
        :param max_attempts: How often the step is tried in all. What is not said is as the route's policy says; without a gateway there is
            one try.
        :param retry_delay: The delay before the second try.
        :param max_retry_delay: The longest delay before a try.
        :param backoff: How the delay grows: ``exponential``, ``linear`` or ``constant``.
        :param timeout: How long one try may take. Then the body is cancelled, and the try has failed.
        :param at_most_once: Whether the body is never executed twice: for effects that cannot be made idempotent. If nobody can tell how
            it ended, the step has failed (``problem.is_step_interrupted``), and so it has where the body raises, without another try.
        :returns: What the body gave, in this attempt or an earlier one, as it reads from its stored form.
        """
        options = StepOptions.of(max_attempts, retry_delay, max_retry_delay, backoff, timeout, at_most_once)
        declared = returned_by(body, args) if returns is UNDECLARED else returns
        return await runner().run(LoopIo(), name, functools.partial(body, *args), declared, options)

    async def sleep(self, name: str, time: Seconds) -> None:
        """Sleeps. Nothing is held meanwhile: the run is parked, and the handler executed again when the time has come.

        :param time: How long, in seconds or as a ``timedelta``, from when the step is first begun; a replay does not begin it anew.
        """
        await runner().sleep(LoopIo(), name, *arguments.sleep(time))

    async def sleep_until(self, name: str, time: datetime) -> None:
        """Sleeps until a time, which has a time zone. One that has passed is no wait at all."""
        await runner().sleep(LoopIo(), name, *arguments.sleep_until(time))

    @overload
    async def wait_for_event(
        self,
        name: str,
        event_type: str,
        *,
        key: Optional[str] = ...,
        timeout: Optional[Seconds] = ...,
        lookback: Optional[Seconds] = ...,
        returns: type[T],
    ) -> Optional[T]:
        ...

    @overload
    async def wait_for_event(
        self,
        name: str,
        event_type: str,
        *,
        key: Optional[str] = ...,
        timeout: Optional[Seconds] = ...,
        lookback: Optional[Seconds] = ...,
        returns: Any = ...,
    ) -> Any:
        ...

    async def wait_for_event(
        self,
        name: str,
        event_type: str,
        *,
        key: Optional[str] = None,
        timeout: Optional[Seconds] = None,
        lookback: Optional[Seconds] = None,
        returns: Any = UNDECLARED,
    ) -> Any:
        """Waits for an event (a CloudEvent). Nothing is held meanwhile.

        :param event_type: The event's ``type``.
        :param key: The event's ``subject``; without it, any.
        :param timeout: How long to wait, from when the step is first begun; without it, as long as the run may take.
        :param lookback: How old an event may be that was there before the step began; without it, as old as the run, so that an answer
            cannot come too early.
        :param returns: The type of the data; ``bytes`` takes any.
        :returns: The event's data: JSON as it reads, anything else as bytes. None after the time-out, and for an event without data.
        """
        return await runner().wait_for_event(LoopIo(), name, arguments.wait_for_event(event_type, key, timeout, lookback), returns)

    @overload
    async def wait_for_callback(
        self, name: str, hand_out: Callable[[str], Any], *, timeout: Optional[Seconds] = ..., returns: type[T]
    ) -> Optional[T]:
        ...

    @overload
    async def wait_for_callback(
        self, name: str, hand_out: Callable[[str], Any], *, timeout: Optional[Seconds] = ..., returns: Any = ...
    ) -> Any:
        ...

    async def wait_for_callback(
        self, name: str, hand_out: Callable[[str], Any], *, timeout: Optional[Seconds] = None, returns: Any = UNDECLARED
    ) -> Any:
        """Waits for somebody to call a URL that the gateway makes for it. Nothing is held meanwhile.

        :param name: The step's name: 1 to 245 bytes of UTF-8.
        :param hand_out: Gives them the URL, to which they may ``POST`` once. It is executed as a step of its own, named as this one with
            `` handed out`` after it. Who has the URL can complete the step: it is a secret of the two.
        :returns: What was sent: JSON as it reads, anything else as bytes; None for nothing.
        :raises StepFailedError: Nobody has called in time (``problem.is_step_timeout``), or the URL could not be handed out.
        """
        return await runner().wait_for_callback(LoopIo(), name, hand_out, arguments.timeout(timeout), returns)

    @overload
    async def invoke(self, name: str, path: str, body: Any = ..., *, method: str = ..., returns: type[T]) -> Optional[T]:
        ...

    @overload
    async def invoke(self, name: str, path: str, body: Any = ..., *, method: str = ..., returns: Any = ...) -> Any:
        ...

    async def invoke(self, name: str, path: str, body: Any = None, *, method: str = "POST", returns: Any = UNDECLARED) -> Any:
        """Sends a request to a route of the gateway, as a run of its own, and waits for its result. Nothing is held meanwhile. The other
        run continues even if this one ends.

        :param path: The path of a durable route, with a query where it has one. It begins with a slash.
        :param body: The request's body: bytes as they are, anything else as JSON; None: none.
        :returns: The body of the response: JSON as it reads, anything else as bytes; None where it has none.
        :raises StepFailedError: The response has a status from 400 up.
        """
        return await runner().invoke(LoopIo(), name, arguments.invoke(path, method), body, returns)

    async def send_event(self, name: str, event_type: str, *, key: Optional[str] = None, data: Any = None) -> int:
        """Sends an event (a CloudEvent) to whoever waits for it with :meth:`wait_for_event`, or will.

        :param key: The event's ``subject``; without it, none.
        :param data: Bytes as they are, anything else as JSON; None: none.
        :returns: How many runs were woken by it.
        """
        count: int = await runner().send_event(LoopIo(), name, event_type, key, data)
        return count

    async def fetch(
        self,
        name: str,
        target: Union[str, urllib.request.Request, Callable[..., Any]],
        *args: Any,
        method: str = "GET",
        headers: Optional[Mapping[str, str]] = None,
        body: Optional[bytes] = None,
        json: Any = None,
        max_attempts: Optional[int] = None,
        retry_delay: Optional[Seconds] = None,
        max_retry_delay: Optional[Seconds] = None,
        backoff: Optional[str] = None,
        timeout: Optional[Seconds] = None,
        at_most_once: bool = False,
    ) -> Response:
        """Sends an HTTP request, once, and keeps the response.

        :param target: A URL, or a function that sends the request by a client of your own, and gives (or is awaited for) the response of
            httpx, aiohttp, requests or the standard library.
        :returns: The response. Status 408, 429, 500, 502, 503 and 504 are failed tries of the step, and ``Retry-After`` is kept to; any
            other is the result.
        """
        options = StepOptions.of(max_attempts, retry_delay, max_retry_delay, backoff, timeout, at_most_once)
        if callable(target):
            sending = functools.partial(target, *args)
        else:
            sending = functools.partial(asyncio.to_thread, arguments.send, target, method, headers, body, json, options.timeout)
        response: Response = await runner().fetch(LoopIo(), name, sending, options)
        return response

    def on_rollback(
        self,
        name: str,
        compensation: Callable[..., Any],
        *args: Any,
        max_attempts: Optional[int] = None,
        retry_delay: Optional[Seconds] = None,
        max_retry_delay: Optional[Seconds] = None,
        backoff: Optional[str] = None,
        timeout: Optional[Seconds] = None,
    ) -> None:
        """Registers what undoes the pieces that have finished so far. When the handler fails finally, all that was registered is
        executed, the last one first, each as a step of its own.

        The handler fails finally by a :class:`StepFailedError`, a :class:`NonRetryableError` or a :class:`StepUsageError` that leaves it,
        and by any exception in the last attempt that the policy allows. Register right after the step that it undoes, and await nothing in
        between; before the step if a failed try may have an effect.

        :param name: The name of the step that the compensation is.
        :param compensation: What to do: a coroutine function or a plain one. Steps do not begin in it.
        """
        options = StepOptions.of(max_attempts, retry_delay, max_retry_delay, backoff, timeout, False)
        runner().on_rollback(name, functools.partial(compensation, *args), options, blocking=False)


step = Step()
"""The steps of the request at hand."""
