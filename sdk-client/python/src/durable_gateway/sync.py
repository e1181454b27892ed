"""The steps of synchronous handlers: Flask, Django, plain WSGI, and ``def`` endpoints of FastAPI.

::

    from durable_gateway.sync import step

    def checkout(request):
        charge = step.run("charge", payments.charge, order)
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
import threading
import urllib.request
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import datetime
from typing import Any, Callable, Coroutine, Mapping, MutableMapping, Optional, TypeVar, Union, overload

from . import _arguments as arguments
from . import client
from ._ai import ModelCalls
from ._client import Progress
from ._content import UNDECLARED, returned_by
from ._errors import AttemptOver, StepUsageError, for_good
from ._io import ThreadIo, cancellation, drive
from ._options import Seconds, StepOptions
from ._response import Response
from ._runner import RunInfo
from ._step import runner
from ._transport import HttpTransport

__all__ = ["SyncAi", "SyncStep", "durable_fetch", "resume", "step"]

T = TypeVar("T")


class SyncAi(ModelCalls):
    """Steps around calls of models: :attr:`SyncStep.ai`."""

    __slots__ = ()

    def wrap(self, name: str, call: Callable[..., T], /, *args: Any, **kwargs: Any) -> T:
        """Calls a model as a step: see :meth:`durable_gateway.Ai.wrap`."""
        body, declared, request, options = self._prepared(call, args, kwargs)
        result: T = _blocking(runner().model_call(ThreadIo(), name, body, declared, request, options))
        return result


class SyncStep:
    """Durable steps of the request at hand: those of :class:`durable_gateway.Step`, whose methods this has, for code that blocks.

    A thread cannot be cancelled. A step that waits leaves the handler by a :class:`RunSuspended` when no branch can continue. A body that
    exceeds its ``timeout`` continues in a separate thread. A body that takes long may look at :attr:`cancelled`.
    """

    __slots__ = ()

    @property
    def info(self) -> RunInfo:
        """The run and the attempt that this request is."""
        return runner().info

    @property
    def ai(self) -> SyncAi:
        """Steps around calls of models."""
        return SyncAi()

    @property
    def cancelled(self) -> threading.Event:
        """In the body of a step: is set when nobody wants its result any more. The ``timeout`` of the step has passed, a later attempt
        owns the run, or the request was cancelled, where the server tells of that (ASGI does, WSGI does not). Wait on it in place of
        ``time.sleep``, and leave the body by any exception when it is set.
        """
        event = cancellation.get()
        if event is None:
            raise StepUsageError("'step.cancelled' is available only in the body of a step.")
        return event

    def run(
        self,
        name: str,
        body: Callable[..., T],
        *args: Any,
        returns: Any = UNDECLARED,
        max_attempts: Optional[int] = None,
        retry_delay: Optional[Seconds] = None,
        max_retry_delay: Optional[Seconds] = None,
        backoff: Optional[str] = None,
        timeout: Optional[Seconds] = None,
        at_most_once: bool = False,
    ) -> T:
        """Executes a piece of the handler, once: see :meth:`durable_gateway.Step.run`.

        :param timeout: How long one try may take. The body is executed in a thread of its own then. One that is late continues there, and
            nobody waits for it: give what it calls a time-out of its own, too.
        """
        options = StepOptions.of(max_attempts, retry_delay, max_retry_delay, backoff, timeout, at_most_once)
        declared = returned_by(body, args) if returns is UNDECLARED else returns
        result: T = _blocking(runner().run(ThreadIo(), name, functools.partial(body, *args), declared, options))
        return result

    def sleep(self, name: str, time: Seconds) -> None:
        """Sleeps: see :meth:`durable_gateway.Step.sleep`."""
        _blocking(runner().sleep(ThreadIo(), name, *arguments.sleep(time)))

    def sleep_until(self, name: str, time: datetime) -> None:
        """Sleeps until a time: see :meth:`durable_gateway.Step.sleep_until`."""
        _blocking(runner().sleep(ThreadIo(), name, *arguments.sleep_until(time)))

    @overload
    def wait_for_event(
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
    def wait_for_event(
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

    def wait_for_event(
        self,
        name: str,
        event_type: str,
        *,
        key: Optional[str] = None,
        timeout: Optional[Seconds] = None,
        lookback: Optional[Seconds] = None,
        returns: Any = UNDECLARED,
    ) -> Any:
        """Waits for an event: see :meth:`durable_gateway.Step.wait_for_event`."""
        return _blocking(runner().wait_for_event(ThreadIo(), name, arguments.wait_for_event(event_type, key, timeout, lookback), returns))

    @overload
    def wait_for_callback(
        self, name: str, hand_out: Callable[[str], Any], *, timeout: Optional[Seconds] = ..., returns: type[T]
    ) -> Optional[T]:
        ...

    @overload
    def wait_for_callback(self, name: str, hand_out: Callable[[str], Any], *, timeout: Optional[Seconds] = ..., returns: Any = ...) -> Any:
        ...

    def wait_for_callback(
        self, name: str, hand_out: Callable[[str], Any], *, timeout: Optional[Seconds] = None, returns: Any = UNDECLARED
    ) -> Any:
        """Waits for somebody to call a URL: see :meth:`durable_gateway.Step.wait_for_callback`."""
        return _blocking(runner().wait_for_callback(ThreadIo(), name, hand_out, arguments.timeout(timeout), returns))

    @overload
    def invoke(self, name: str, path: str, body: Any = ..., *, method: str = ..., returns: type[T]) -> Optional[T]:
        ...

    @overload
    def invoke(self, name: str, path: str, body: Any = ..., *, method: str = ..., returns: Any = ...) -> Any:
        ...

    def invoke(self, name: str, path: str, body: Any = None, *, method: str = "POST", returns: Any = UNDECLARED) -> Any:
        """Sends a request to another route: see :meth:`durable_gateway.Step.invoke`."""
        return _blocking(runner().invoke(ThreadIo(), name, arguments.invoke(path, method), body, returns))

    def send_event(self, name: str, event_type: str, *, key: Optional[str] = None, data: Any = None) -> int:
        """Sends an event: see :meth:`durable_gateway.Step.send_event`."""
        count: int = _blocking(runner().send_event(ThreadIo(), name, event_type, key, data))
        return count

    def fetch(
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
        """Sends an HTTP request, once, and keeps the response: see :meth:`durable_gateway.Step.fetch`."""
        options = StepOptions.of(max_attempts, retry_delay, max_retry_delay, backoff, timeout, at_most_once)
        if callable(target):
            sending = functools.partial(target, *args)
        else:
            sending = functools.partial(arguments.send, target, method, headers, body, json, options.timeout)
        response: Response = _blocking(runner().fetch(ThreadIo(), name, sending, options))
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
        """Registers what undoes the pieces that have finished so far: see :meth:`durable_gateway.Step.on_rollback`."""
        options = StepOptions.of(max_attempts, retry_delay, max_retry_delay, backoff, timeout, False)
        runner().on_rollback(name, functools.partial(compensation, *args), options, blocking=True)

    def parallel(self, *branches: Callable[[], Any]) -> list[Any]:
        """Calls functions at the same time, each in a thread, as branches of the handler: their steps are steps of this request.

        It waits for all of them. Where branches raise, a final failure goes before other exceptions, and these before the end of the
        attempt.

        :returns: What they gave, in the order of the branches.
        """
        runner()
        if not branches:
            return []
        with ThreadPoolExecutor(max_workers=len(branches), thread_name_prefix="durable-gateway-branch") as threads:
            futures = [threads.submit(_in_context(branch)) for branch in branches]
            wait(futures)
        raised = [e for e in (future.exception() for future in futures) if e is not None]
        if raised:
            raise min(raised, key=lambda e: 0 if for_good(e) else 2 if isinstance(e, AttemptOver) else 1)
        return [future.result() for future in futures]

    def first(self, *branches: Callable[[], T]) -> T:
        """Calls functions at the same time, each in a thread, as :meth:`parallel` does, and waits for the one that ends first.

        The others are left behind. One that waits for a step gets no outcome in this attempt, and none of them begins another step when
        the handler has ended. A later attempt may find several done: if it matters which was first, store that in a step.

        :returns: What it gave; what it raised is raised.
        """
        runner()
        if not branches:
            raise ValueError("Give at least one branch.")
        futures = [_in_thread(_in_context(branch)) for branch in branches]
        wait(futures, return_when=FIRST_COMPLETED)
        result: T = next(future for future in futures if future.done()).result()
        return result


def _in_thread(function: Callable[[], Any]) -> Future[Any]:
    """Not by an executor: the process would not end before what is left behind."""
    future: Future[Any] = Future()

    def call() -> None:
        try:
            future.set_result(function())
        except BaseException as e:
            future.set_exception(e)

    threading.Thread(target=call, name="durable-gateway-branch", daemon=True).start()
    return future


def _in_context(branch: Callable[[], Any]) -> Callable[[], Any]:
    context = contextvars.copy_context()
    return lambda: context.run(branch)


def _blocking(coroutine: Coroutine[Any, Any, Any]) -> Any:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return drive(coroutine)
    coroutine.close()
    raise StepUsageError(
        "A synchronous step would block the event loop. In asynchronous code: from durable_gateway import step, and await its methods."
    )


def durable_fetch(
    url: str,
    *,
    method: Optional[str] = None,
    headers: Optional[Mapping[str, str]] = None,
    body: Optional[bytes] = None,
    json: Any = None,
    idempotency_key: Optional[str] = None,
    on_progress: Optional[Callable[[Progress], Any]] = None,
    on_accepted: Optional[Callable[[str], Any]] = None,
    timeout: Optional[Seconds] = None,
    store: Optional[MutableMapping[str, str]] = None,
    store_key: Optional[str] = None,
    transport: Optional[HttpTransport] = None,
) -> Response:
    """Sends a request to a durable route, and gives its final response: see :func:`durable_gateway.client.durable_fetch`."""
    given, said, content = client.prepared(method, headers, body, json)
    fetch = client.new_fetch(ThreadIo(), transport, said, on_progress, on_accepted, timeout, store, store_key)
    return drive(fetch.request(given, url, content, idempotency_key))


def resume(
    result_url: str,
    *,
    headers: Optional[Mapping[str, str]] = None,
    on_progress: Optional[Callable[[Progress], Any]] = None,
    timeout: Optional[Seconds] = None,
    transport: Optional[HttpTransport] = None,
) -> Response:
    """Waits for the result at a result URL that was kept."""
    return drive(client.new_fetch(ThreadIo(), transport, headers, on_progress, None, timeout, None, None).result(result_url))


step = SyncStep()
"""The steps of the request at hand."""
