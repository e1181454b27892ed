"""How the SDK waits.

The algorithm of an attempt is written once, as coroutines that wait only by an :class:`Io`. On an event loop that is :class:`LoopIo`. In a
thread it is
:class:`ThreadIo`, whose methods block instead of suspending: a coroutine that uses nothing else runs to its end in one go (:func:`drive`).
"""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Awaitable, Callable, Coroutine, Optional, Protocol, TypeVar, Union

from ._activity import Activity
from ._errors import StepUsageError
from ._transport import AsyncTransport, HttpRequest, HttpResponse, Transport

T = TypeVar("T")


@dataclass
class Called:
    """What came of a step's body."""

    result: Any = None
    error: Optional[BaseException] = None
    timed_out: bool = False


class Cancels:
    """How the bodies are cancelled that are executing."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._cancelled = False
        self._each: set[Callable[[], None]] = set()

    def add(self, cancel: Callable[[], None]) -> None:
        with self._lock:
            self._each.add(cancel)
            cancelled = self._cancelled
        # A body that begins while another thread ends the attempt is told all the same.
        if cancelled:
            cancel()

    def discard(self, cancel: Callable[[], None]) -> None:
        with self._lock:
            self._each.discard(cancel)

    def cancel(self) -> None:
        with self._lock:
            self._cancelled = True
            each = list(self._each)
        for cancel in each:
            cancel()


cancellation: contextvars.ContextVar[Optional[threading.Event]] = contextvars.ContextVar("durable_gateway_cancellation", default=None)
"""Tells the body that executes here, and may block, that it is not wanted any more."""


class Io(Protocol):
    """One caller's way of waiting."""

    blocks: bool
    """Whether its methods block instead of suspending."""

    cancelled: bool
    """Whether the caller was cancelled while something was waited for that had to come to its end."""

    async def wait(self, activity: Activity, condition: Callable[[], bool], timeout: Optional[float] = None) -> bool:
        """Waits until a condition holds; it is evaluated under the lock at each change. False: the time was over first."""

    async def released(self, activity: Activity) -> None:
        """Waits until the parked steps are released."""

    async def sleep(self, seconds: float) -> None:
        ...

    async def send(self, transport: Union[Transport, AsyncTransport], request: HttpRequest, timeout: float) -> HttpResponse:
        """Sends one request, once."""

    async def in_thread(self, function: Callable[[], T]) -> T:
        """Calls something that blocks."""

    async def finish(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Awaits something that a cancellation of the caller does not end."""

    async def call(self, body: Callable[[], Any], context: contextvars.Context, timeout: Optional[float], cancels: Cancels) -> Called:
        """Executes the body of a step, or of a compensation, in a context of its own."""

    def went_on(self, callback: Callable[[], None]) -> None:
        """Calls when the caller has continued, up to its next wait, with what it is about to be given."""


def drive(coroutine: Coroutine[Any, Any, T]) -> T:
    """Runs a coroutine that waits by :class:`ThreadIo` alone."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    coroutine.close()
    raise AssertionError("A blocking operation was suspended.")


class ThreadIo:
    blocks = True

    def __init__(self) -> None:
        self.cancelled = False

    async def wait(self, activity: Activity, condition: Callable[[], bool], timeout: Optional[float] = None) -> bool:
        changed = threading.Condition(activity.lock)
        with activity.lock:
            activity.listen(changed.notify_all)
            try:
                return changed.wait_for(condition, timeout)
            finally:
                activity.unlisten(changed.notify_all)

    async def released(self, activity: Activity) -> None:
        released = threading.Event()
        key = object()
        activity.when_released(key, released.set)
        try:
            released.wait()
        finally:
            activity.forget(key)

    async def sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    async def send(self, transport: Union[Transport, AsyncTransport], request: HttpRequest, timeout: float) -> HttpResponse:
        if isinstance(transport, AsyncTransport):
            raise StepUsageError(
                "An asynchronous transport cannot serve synchronous handlers. Give DurableOptions a transport with 'send'."
            )
        return transport.send(request, timeout)

    async def in_thread(self, function: Callable[[], T]) -> T:
        return function()

    async def finish(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return await coroutine

    async def call(self, body: Callable[[], Any], context: contextvars.Context, timeout: Optional[float], cancels: Cancels) -> Called:
        cancelled = _told(context)
        cancels.add(cancelled.set)
        try:
            if timeout is None:
                return context.run(_called, body)

            # A thread cannot be stopped. It is told and left behind, and what it comes to is not waited for.
            done = threading.Event()
            late: list[Called] = []

            def execute() -> None:
                late.append(_called(body))
                done.set()

            threading.Thread(target=context.run, args=(execute,), name="durable-gateway-step", daemon=True).start()
            if not done.wait(timeout):
                cancelled.set()
                return Called(error=TimeoutError(), timed_out=True)
            return late[0]
        finally:
            cancels.discard(cancelled.set)

    def went_on(self, callback: Callable[[], None]) -> None:
        # Nobody can tell of a thread. What is waited for where it matters is that all is quiet.
        callback()


class LoopIo:
    # A step that a task is made of has continued when the task has told who waits for it: a few turns of the loop later (gather takes two).
    _TURNS = 4

    def __init__(self, blocking: bool = False) -> None:
        self.cancelled = False
        # Bodies may block: each is called in a thread.
        self.blocks = blocking

    async def wait(self, activity: Activity, condition: Callable[[], bool], timeout: Optional[float] = None) -> bool:
        loop, owner = asyncio.get_running_loop(), threading.get_ident()
        deadline = None if timeout is None else loop.time() + timeout
        while True:
            changed: asyncio.Future[None] = loop.create_future()
            wake = _waker(loop, owner, changed)
            with activity.lock:
                if condition():
                    return True
                activity.listen(wake)
            timer = None if deadline is None else loop.call_at(deadline, _settle, changed)
            try:
                await changed
            finally:
                if timer is not None:
                    timer.cancel()
                with activity.lock:
                    activity.unlisten(wake)
            if deadline is not None and loop.time() >= deadline:
                with activity.lock:
                    return condition()

    async def released(self, activity: Activity) -> None:
        loop = asyncio.get_running_loop()
        released: asyncio.Future[None] = loop.create_future()
        key = object()
        activity.when_released(key, _waker(loop, threading.get_ident(), released))
        try:
            await released
        finally:
            activity.forget(key)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def send(self, transport: Union[Transport, AsyncTransport], request: HttpRequest, timeout: float) -> HttpResponse:
        if isinstance(transport, AsyncTransport):
            return await transport.asend(request, timeout)
        return await asyncio.get_running_loop().run_in_executor(_threads(), transport.send, request, timeout)

    async def in_thread(self, function: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(None, function)

    async def finish(self, coroutine: Coroutine[Any, Any, T]) -> T:
        task = asyncio.ensure_future(coroutine)
        await self._end_of(task, None)
        return task.result()

    async def call(self, body: Callable[[], Any], context: contextvars.Context, timeout: Optional[float], cancels: Cancels) -> Called:
        if self.blocks:
            loop = asyncio.get_running_loop()
            cancelled = _told(context)
            cancels.add(cancelled.set)
            try:
                return await self.finish(_awaited(loop.run_in_executor(None, context.run, _called, body)))
            finally:
                cancels.discard(cancelled.set)
        called = context.run(_called, body)
        if called.error is not None or not inspect.isawaitable(called.result):
            return called

        # A task of its own: so its cancellation can be told from the caller's, and what it sets in its context stays in it.
        loop = asyncio.get_running_loop()
        task: asyncio.Future[Any] = context.run(_task_of, called.result)
        called = Called()

        def give_up() -> None:
            called.timed_out = True
            task.cancel()

        timer = None if timeout is None else loop.call_later(timeout, give_up)

        def cancel() -> None:
            loop.call_soon_threadsafe(task.cancel)

        cancels.add(cancel)
        try:
            await self._end_of(task, task)
        finally:
            cancels.discard(cancel)
            if timer is not None:
                timer.cancel()
        try:
            called.result = task.result()
        except (Exception, asyncio.CancelledError) as e:
            called.error = e
        return called

    def went_on(self, callback: Callable[[], None]) -> None:
        loop = asyncio.get_running_loop()

        def turn(left: int) -> None:
            if left == 0:
                callback()
            else:
                loop.call_soon(turn, left - 1)

        turn(self._TURNS)

    async def _end_of(self, future: asyncio.Future[Any], also_cancel: Optional[asyncio.Future[Any]]) -> None:
        """Waits until a future is done, and keeps in mind that the caller was cancelled."""
        while not future.done():
            try:
                await asyncio.wait([future])
            except asyncio.CancelledError:
                self.cancelled = True
                if also_cancel is not None:
                    also_cancel.cancel()


def _told(context: contextvars.Context) -> threading.Event:
    cancelled = threading.Event()
    context.run(cancellation.set, cancelled)
    return cancelled


def _task_of(awaitable: Awaitable[Any]) -> asyncio.Future[Any]:
    return asyncio.ensure_future(awaitable)


async def _awaited(awaitable: Awaitable[T]) -> T:
    return await awaitable


def _called(body: Callable[[], Any]) -> Called:
    try:
        return Called(result=body())
    except (Exception, asyncio.CancelledError) as e:
        return Called(error=e)


def _settle(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def _waker(loop: asyncio.AbstractEventLoop, owner: int, future: asyncio.Future[None]) -> Callable[[], None]:
    def wake() -> None:
        if threading.get_ident() == owner:
            _settle(future)
            return
        try:
            loop.call_soon_threadsafe(_settle, future)
        except RuntimeError:
            # The loop is closed, and nobody waits there any more.
            pass

    return wake


_executor: Optional[ThreadPoolExecutor] = None
_executor_lock = threading.Lock()


def _threads() -> ThreadPoolExecutor:
    """Threads for calls to the gateway. Not the loop's own: steps may occupy all of those, and wait for their checkpoints."""
    global _executor
    with _executor_lock:
        if _executor is None:
            _executor = ThreadPoolExecutor(max_workers=32, thread_name_prefix="durable-gateway")
        return _executor
