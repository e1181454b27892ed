"""The two ways in which a program is executed: on an event loop, and in threads that block."""

from __future__ import annotations

import asyncio
import time
import urllib.error
import urllib.request
from concurrent.futures import CancelledError
from typing import Any, Awaitable, Callable, Coroutine, Protocol

from durable_gateway import RunInfo, step
from durable_gateway.sync import step as sync_step

Work = Callable[[], Coroutine[Any, Any, Any]]


class Twin(Protocol):
    lacks: list[str]

    def info(self) -> RunInfo:
        ...

    async def call(self, method: str, name: str, /, *args: Any, **options: Any) -> Any:
        """A method of the steps."""

    def body(self, work: Work) -> Callable[..., Any]:
        """What a step executes."""

    async def sleep(self, seconds: float) -> None:
        ...

    async def hold(self, seconds: float) -> None:
        """In the body of a step: sleeps, and raises when the step is cancelled."""

    async def parallel(self, branches: list[Work]) -> list[Any]:
        ...

    async def first(self, branches: list[Work]) -> Any:
        ...

    async def fetch(self, name: str, url: str, sent: Callable[[], Any]) -> Any:
        ...


class OnLoop:
    lacks: list[str] = []

    def info(self) -> RunInfo:
        return step.info

    async def call(self, method: str, name: str, /, *args: Any, **options: Any) -> Any:
        result = getattr(step, method)(name, *args, **options)
        return await result if isinstance(result, Awaitable) else result

    def body(self, work: Work) -> Callable[..., Any]:
        async def execute(*_: Any) -> Any:
            return await work()

        return execute

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def hold(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def parallel(self, branches: list[Work]) -> list[Any]:
        return await asyncio.gather(*(branch() for branch in branches))

    async def first(self, branches: list[Work]) -> Any:
        tasks = [asyncio.ensure_future(branch()) for branch in branches]
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        return next(task for task in tasks if task in done).result()

    async def fetch(self, name: str, url: str, sent: Callable[[], Any]) -> Any:
        async def send() -> Any:
            sent()
            return await asyncio.to_thread(_get, url)

        return await step.fetch(name, send)


class InThreads:
    # WSGI does not tell an application that its request was cancelled. Its server speaks HTTP/1.0: a response ends with its connection.
    lacks = ["disconnect", "chunked"]

    def info(self) -> RunInfo:
        return sync_step.info

    async def call(self, method: str, name: str, /, *args: Any, **options: Any) -> Any:
        return getattr(sync_step, method)(name, *args, **options)

    def body(self, work: Work) -> Callable[..., Any]:
        return lambda *_: finish(work())

    async def sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    async def hold(self, seconds: float) -> None:
        if sync_step.cancelled.wait(seconds):
            raise CancelledError

    async def parallel(self, branches: list[Work]) -> list[Any]:
        return sync_step.parallel(*(lambda branch=branch: finish(branch()) for branch in branches))

    async def first(self, branches: list[Work]) -> Any:
        return sync_step.first(*(lambda branch=branch: finish(branch()) for branch in branches))

    async def fetch(self, name: str, url: str, sent: Callable[[], Any]) -> Any:
        def send() -> Any:
            sent()
            return _get(url)

        return sync_step.fetch(name, send)


def finish(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Runs a coroutine that blocks where others suspend."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        return done.value
    raise AssertionError("A blocking operation was suspended.")


def _get(url: str) -> Any:
    try:
        return urllib.request.urlopen(url, timeout=60)
    except urllib.error.HTTPError as e:
        return e
