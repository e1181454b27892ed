"""Runs without a gateway, for unit tests of handlers."""

from __future__ import annotations

import base64
import dataclasses
import json
import re
import threading
from typing import Any, Awaitable, Callable, Optional, TypeVar
from urllib.parse import unquote

from . import _headers as h
from ._attempt import DurableAttempt
from ._content import payload
from ._options import DurableOptions
from ._transport import HttpRequest, HttpResponse
from ._verdict import Verdict

__all__ = ["TestRun"]

T = TypeVar("T")

_RUN_ID = "00000000-0000-7000-8000-000000000001"
_URL = "http://test.invalid/_durable/v1/runs/" + _RUN_ID
_MAX_ROUNDS = 1000
_TIMED_OUT = b'{"type":"/_durable/problems/step-timeout","title":"The step timed out","status":504}'
_INTERRUPTED = b'{"type":"/_durable/problems/step-interrupted","title":"The step was interrupted"}'


class TestRun:
    """A run in memory: the handler is executed from attempt to attempt as behind a gateway, and the outcomes of steps are kept from one to
    the next.

    ::

        run = TestRun()
        run.complete("paid", {"amount": 9})

        assert await run.run(check_out, order) == "shipped"
        assert run.steps == ["charge", "paid", "label"]

    The steps are those of the package: bodies are executed once, results are written and read, failed tries are made again. A handler that
    depends on something outside of its steps shows it here.

    :param max_attempts: How often a step is tried that says nothing else.
    :param options: How steps are kept. Without them attempts that cannot continue end sooner than by default.
    """

    # It is no test, whatever its name says to pytest.
    __test__ = False

    def __init__(self, *, max_attempts: int = 3, options: Optional[DurableOptions] = None) -> None:
        self.max_attempts = max_attempts
        self.attempts = 0
        """How many attempts have begun."""
        self.sent_events: list[dict[str, Any]] = []
        """The events that were sent, oldest first: CloudEvents."""
        given = options or DurableOptions(suspend_after=0.05, error_details=True, build=None)
        self._gateway = _TestGateway(self)
        self._options = dataclasses.replace(given, transport=self._gateway)

    @property
    def steps(self) -> list[str]:
        """The ids of the steps that have an outcome, oldest first."""
        return list(self._gateway.stored)

    @property
    def pending(self) -> list[str]:
        """The ids of the steps that sleep, wait, or are tried again."""
        return list(self._gateway.pending)

    def complete(self, step: str, data: Any = None) -> None:
        """Says what a step gets that waits for an event, a callback or another route; or that a sleep is over.

        :param data: Bytes as they are, anything else as JSON; None: none.
        """
        body, content_type = payload(step, data, self._options.codec)
        self._gateway.scripted[step] = h.Outcome(False, content_type, body)

    def time_out(self, step: str) -> None:
        """Lets the time of a step be over that waits for an event or a callback."""
        self._gateway.scripted[step] = h.Outcome(True, h.PROBLEM_TYPE, _TIMED_OUT)

    async def attempt(self, handler: Callable[[], Awaitable[Any]], *, is_final: bool = False) -> Verdict:
        """Executes an asynchronous handler as the next attempt.

        :param is_final: Whether the policy allows no further attempt: any failure is final then.
        :returns: What a gateway would be told. An exception that is not a final failure is raised: the gateway would try again.
        """
        return await self._begin(is_final).run(handler)

    def attempt_sync(self, handler: Callable[[], Any], *, is_final: bool = False) -> Verdict:
        """The same, of a synchronous handler."""
        return self._begin(is_final).run_sync(handler)

    async def run(self, handler: Callable[..., Awaitable[T]], *args: Any, **kwargs: Any) -> T:
        """Executes an asynchronous handler from attempt to attempt until it ends. Sleeps are over at once, and delays before retries are
        left out.

        :returns: What the handler returned.
        :raises StepFailedError: A step has failed finally, and the handler did not catch it. Other exceptions of the handler are raised,
            too.
        :raises RuntimeError: The handler waits for what the test has not said.
        """
        for _ in range(_MAX_ROUNDS):
            result: list[T] = []
            raised: list[BaseException] = []

            async def handling(result: list[T] = result, raised: list[BaseException] = raised) -> None:
                try:
                    result.append(await handler(*args, **kwargs))
                except BaseException as e:
                    raised.append(e)
                    raise

            if self._is_done(await self.attempt(handling), raised):
                return result[0]
        raise RuntimeError(f"The handler has not ended after {_MAX_ROUNDS} attempts.")

    def run_sync(self, handler: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """The same, of a synchronous handler."""
        for _ in range(_MAX_ROUNDS):
            result: list[T] = []
            raised: list[BaseException] = []

            def handling(result: list[T] = result, raised: list[BaseException] = raised) -> None:
                try:
                    result.append(handler(*args, **kwargs))
                except BaseException as e:
                    raised.append(e)
                    raise

            if self._is_done(self.attempt_sync(handling), raised):
                return result[0]
        raise RuntimeError(f"The handler has not ended after {_MAX_ROUNDS} attempts.")

    def _begin(self, is_final: bool) -> DurableAttempt:
        self.attempts += 1
        headers = {
            h.PROTOCOL: "1",
            h.RUN_ID: _RUN_ID,
            h.ATTEMPT: str(self.attempts),
            h.CALLBACK: _URL,
            h.TOKEN: "test",
            h.STEP_COUNT: str(len(self._gateway.stored)),
        }
        if is_final:
            headers[h.FINAL_ATTEMPT] = "?1"
        return DurableAttempt.begin(headers.get, self._options)

    def _is_done(self, verdict: Verdict, raised: list[BaseException]) -> bool:
        if verdict.is_completed:
            return True
        if not verdict.is_suspended:
            if raised:
                raise raised[0]
            raise RuntimeError("The run failed: " + (verdict.problem or b"").decode())
        pending = self._gateway.pending
        for step, kind in pending.items():
            if kind == "sleep":
                self.complete(step)
        if any(kind in ("sleep", "run") or step in self._gateway.scripted for step, kind in pending.items()):
            return False
        names = ", ".join(f"'{step}'" for step in pending)
        raise RuntimeError(
            f"The handler waits for {names}. Complete the step with complete(), time it out with time_out(), or execute single attempts "
            "with attempt()."
        )


class _TestGateway:
    """Answers checkpoints as a gateway does, for one run, from memory."""

    def __init__(self, run: TestRun) -> None:
        self._run = run
        self._lock = threading.Lock()
        self._tries: dict[str, int] = {}
        self._started: dict[str, int] = {}
        self.stored: dict[str, h.Outcome] = {}
        self.scripted: dict[str, h.Outcome] = {}
        self.pending: dict[str, str] = {}

    def send(self, request: HttpRequest, timeout: float) -> HttpResponse:
        with self._lock:
            if request.method == "GET":
                return HttpResponse(200, [("Content-Type", h.JSON_TYPE)], self._list())
            if request.method == "POST":
                self._run.sent_events.append(json.loads(request.body))
                return HttpResponse(202, [("Content-Type", h.JSON_TYPE)], b'{"woken":0}')
            return self._put(unquote(request.url.rsplit("/", 1)[1]), dict(request.headers), request.body)

    def _put(self, step: str, headers: dict[str, str], body: bytes) -> HttpResponse:
        if step in self.stored:
            return self._already(step)
        kind, said = headers.get(h.STEP_TYPE, "run"), headers.get(h.STEP_OUTCOME)
        if kind != "run":
            scripted = self.scripted.get(step)
            if scripted is not None:
                return self._keep(step, h.Outcome(scripted.failed, scripted.content_type, scripted.body, kind))
            self.pending[step] = kind
            url = [(h.CALLBACK_URL, "http://test.invalid/_durable/v1/callbacks/" + step)] if kind == "callback" else []
            return HttpResponse(202, url, b"")
        if said == "started":
            if self._started.setdefault(step, self._run.attempts) == self._run.attempts:
                return HttpResponse(201, [], b"")
            return self._keep(step, h.Outcome(True, h.PROBLEM_TYPE, _INTERRUPTED))
        failed = said == "failed"
        self._tries[step] = self._tries.get(step, 0) + 1
        if failed and headers.get(h.RETRY) != "?0" and self._tries[step] < self._max_attempts(headers):
            self.pending[step] = kind
            return HttpResponse(202, [("Retry-After", "1")], b"")
        self._keep(step, h.Outcome(failed, headers.get("Content-Type", h.JSON_TYPE), body))
        return HttpResponse(201, [], b"")

    def _max_attempts(self, headers: dict[str, str]) -> int:
        found = re.search(r"max-attempts=(\d+)", headers.get(h.STEP_RETRY, ""))
        return int(found.group(1)) if found else self._run.max_attempts

    def _keep(self, step: str, outcome: h.Outcome) -> HttpResponse:
        self.pending.pop(step, None)
        self.stored[step] = outcome
        return self._already(step)

    def _already(self, step: str) -> HttpResponse:
        outcome = self.stored[step]
        said = "failed" if outcome.failed else "completed"
        return HttpResponse(200, [("Content-Type", outcome.content_type), (h.STEP_OUTCOME, said)], outcome.body)

    def _list(self) -> bytes:
        return json.dumps(
            [
                {
                    "id": step,
                    "type": outcome.type,
                    "outcome": "failed" if outcome.failed else "completed",
                    "contentType": outcome.content_type,
                    "body": base64.b64encode(outcome.body).decode("ascii"),
                }
                for step, outcome in self.stored.items()
            ]
        ).encode()
