"""The steps of one attempt: how each is begun, executed, stored, and what each answer of the gateway makes of it."""

from __future__ import annotations

import asyncio
import contextvars
import enum
import inspect
import json
import logging
import threading
import time
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import Any, Awaitable, Callable, Mapping, Optional

from . import _headers as h
from ._activity import Activity
from ._ai import ModelContent
from ._content import NOTHING, Content, CountContent, PayloadContent, content_of, payload
from ._errors import (
    AttemptOver,
    CheckpointError,
    NonRetryableError,
    RunAbandoned,
    RunSuspended,
    StepFailedError,
    StepPending,
    StepUsageError,
    for_good,
    is_of_steps,
    leaves,
    retry_after_of,
    states_failure,
)
from ._gateway import Gateway, cloud_event, refused
from ._io import Called, Cancels, Io, drive
from ._names import ROLLBACK_BEGUN, StepNames, callback_of, hand_out_of, too_late
from ._options import DEFAULT, DurableOptions, StepOptions
from ._problem import StepProblem
from ._response import ResponseContent
from ._stored import StoredSteps
from ._transport import Headers, HttpResponse
from ._verdict import Verdict

log = logging.getLogger("durable_gateway")

_SMALL_PROBLEM_BYTES = 1024

inside: contextvars.ContextVar[Optional[tuple[object, str]]] = contextvars.ContextVar("durable_gateway_inside", default=None)
"""The attempt and the step whose body is executing here, so that a step inside it is noticed."""


@dataclass(frozen=True)
class RunInfo:
    """Which run and attempt a request is."""

    id: Optional[str]
    """The run's id; None where the request did not come by a durable route."""
    attempt: int
    """1 for the first attempt, more for replays, 0 where the request did not come by a durable route."""
    is_final: bool = False
    """Whether the policy allows no further attempt."""

    @property
    def is_durable(self) -> bool:
        """Whether outcomes are stored."""
        return self.id is not None

    @property
    def is_replay(self) -> bool:
        return self.attempt > 1


class Role(enum.Enum):
    """On whose behalf a step begins, and so what keeps it from beginning."""

    HANDLER = enum.auto()
    HAND_OUT = enum.auto()
    COMPENSATION = enum.auto()


@dataclass(frozen=True)
class Compensation:
    id: str
    body: Callable[[], Any]
    options: StepOptions
    blocking: bool
    """Whether it was registered by synchronous code, which may block."""


@dataclass
class _Write:
    """What a checkpoint says of a step."""

    problem: StepProblem
    duration: float
    no_retry: bool = True
    retry_after: Optional[float] = None
    retry: Optional[str] = None

    def headers(self) -> Headers:
        said = [("Content-Type", h.PROBLEM_TYPE), (h.STEP_OUTCOME, "failed"), (h.STEP_DURATION, h.decimal_seconds(self.duration))]
        if self.no_retry:
            said.append((h.RETRY, "?0"))
        if self.retry is not None:
            said.append((h.STEP_RETRY, self.retry))
        if self.retry_after is not None:
            said.append(("Retry-After", h.decimal_seconds(self.retry_after)))
        return said


class Runner:
    """:param gateway: Where outcomes are stored; None where there is no gateway."""

    def __init__(self, info: RunInfo, gateway: Optional[Gateway], stored: StoredSteps, activity: Activity, options: DurableOptions) -> None:
        self.info = info
        self.options = options
        self.activity = activity
        self.stored = stored
        self.names = StepNames(activity)
        self.over = False
        """Whether what the attempt does is discarded."""
        self.handler_ended = False
        self.on_over: Callable[[], None] = lambda: None
        """Cancels the handler, where that can be."""
        self._gateway = gateway
        self._lock = threading.Lock()
        self._override: Optional[Verdict] = None
        self._bodies = Cancels()
        self._compensations: list[Compensation] = []

    @property
    def is_local(self) -> bool:
        return self._gateway is None

    @property
    def override(self) -> Optional[Verdict]:
        """What the host must answer, whatever the handler makes of it."""
        return self._override or (Verdict.suspended() if self.activity.suspended else None)

    def end_early(self) -> None:
        """What the attempt does is discarded: the request was cancelled, or a later attempt owns the run."""
        self.over = True
        self._bodies.cancel()
        self.activity.release()

    # Steps that execute a body.

    async def run(self, io: Io, name: str, body: Callable[[], Any], declared: Any, options: StepOptions) -> Any:
        return await self._handlers(
            io,
            name,
            "run",
            lambda step: content_of(step, declared, self.options.codec),
            lambda step, content: self._execute(io, step, body, content, options),
        )

    async def fetch(self, io: Io, name: str, send: Callable[[], Any], options: StepOptions) -> Any:
        return await self._handlers(io, name, "run", ResponseContent, lambda step, content: self._execute(io, step, send, content, options))

    async def model_call(
        self, io: Io, name: str, call: Callable[[], Any], declared: Any, request: Mapping[str, Any], options: StepOptions
    ) -> Any:
        return await self._handlers(
            io,
            name,
            "run",
            lambda step: ModelContent(step, declared, self.options.codec, request, self.options.prices),
            lambda step, content: self._execute(io, step, call, content, options),
        )

    async def send_event(self, io: Io, name: str, event_type: str, key: Optional[str], data: Any) -> Any:
        if not event_type or not event_type.strip():
            raise ValueError("An event must have a type. Steps that wait for the event name it.")
        if key == "":
            raise ValueError("The key must not be empty. Omit it for an event without a key.")

        async def begin(step: str, content: Content) -> Any:
            gateway = self._require_gateway(step, "sends an event, which needs a gateway")
            body, content_type = payload(step, data, self.options.codec)
            assert self.info.id is not None
            event = cloud_event(self.info.id, step, event_type, key, body, content_type)

            def post() -> Any:
                posting = self._post(io, gateway, step, event_type, event)
                return drive(posting) if io.blocks else posting

            return await self._try(io, step, post, content, DEFAULT)

        return await self._handlers(io, name, "run", lambda step: CountContent(), begin)

    # Steps that the gateway completes.

    async def sleep(self, io: Io, name: str, headers: Headers, left: Callable[[], float]) -> None:
        async def begin(step: str, content: Content) -> Any:
            if self._gateway is None:
                await io.sleep(max(0.0, left()))
                return None
            return await self._ask(io, step, "", "sleep", headers, b"", content)

        await self._handlers(io, name, "sleep", lambda step: NOTHING, begin)

    async def wait_for_event(self, io: Io, name: str, headers: Headers, declared: Any) -> Any:
        try:
            return await self._handlers(
                io,
                name,
                "wait",
                lambda step: PayloadContent(content_of(step, declared, self.options.codec)),
                lambda step, content: self._ask(io, step, "waits for an event, which needs a gateway", "wait", headers, b"", content),
            )
        except StepFailedError as e:
            if e.problem.is_step_timeout:
                return None
            raise

    async def wait_for_callback(self, io: Io, name: str, hand_out: Callable[[str], Any], headers: Headers, declared: Any) -> Any:
        async def begin(step: str, content: Content) -> Any:
            response = await self._put_parked(io, step, "waits for a callback, which needs a gateway", "callback", headers, b"")
            if response.status == 202:
                await self._hand_out(io, step, response, hand_out)
            return self._act_on(step, response, content)

        return await self._handlers(
            io, name, "callback", lambda step: PayloadContent(content_of(step, declared, self.options.codec)), begin
        )

    async def invoke(self, io: Io, name: str, headers: Headers, value: Any, declared: Any) -> Any:
        async def begin(step: str, content: Content) -> Any:
            body, content_type = payload(step, value, self.options.codec)
            said = headers if value is None else [*headers, ("Content-Type", content_type)]
            return await self._ask(io, step, "calls another route, which needs a gateway", "invoke", said, body, content)

        return await self._handlers(io, name, "invoke", lambda step: PayloadContent(content_of(step, declared, self.options.codec)), begin)

    # What is undone when the handler fails finally.

    def on_rollback(self, name: str, body: Callable[[], Any], options: StepOptions, blocking: bool) -> None:
        outer = inside.get()
        if outer is not None and outer[0] is self:
            raise StepUsageError(
                f"The compensation '{name}' is registered inside step '{outer[1]}', which a replay does not execute. Register it after "
                "the step."
            )
        step = self.names.reserve(name)
        self.stored.make_optional(step)
        with self._lock:
            self._compensations.append(Compensation(step, body, options, blocking))
        self.activity.touch()

    async def end(self, io: Io, failure: Optional[BaseException], was_over: bool, blocking_io: Callable[[], Io]) -> Optional[Verdict]:
        """Ends the attempt: waits for what is executing, and rolls back where the handler has failed finally.

        :param failure: What the handler raised; None where it returned.
        :param was_over: Whether the attempt was over when it raised that.
        :param blocking_io: Executes compensations that may block.
        :returns: What to answer; None where what the handler did stands.
        """
        # Branches that still run may checkpoint before the attempt ends, so that they need not run again. Those that wait do not matter
        # any more.
        self.handler_ended = True
        await self.activity.drain(io)
        self.activity.release()
        if self._is_runs_end(failure, was_over):
            await self._registered(io)
        self.names.close()
        final = for_good(failure)
        if isinstance(final, StepUsageError):
            log.error("Attempt %s of run %s uses a durable step incorrectly. %s", self.info.attempt, self.info.id, final, exc_info=failure)

        # The failure of a step is known by now, and another branch that still waits cannot take it back.
        verdict = self.override
        if verdict is not None and not (verdict.is_suspended and final is not None):
            return verdict
        if failure is not None:
            for leaf in leaves(failure):
                if isinstance(leaf, CheckpointError):
                    return Verdict.failed(leaf, self.options.error_details)
        try:
            cause = await self._cause(io, failure, was_over)
            if cause is None:
                return self.override
            failures = await self._compensate(io, blocking_io)
            if self._gateway is not None or final is not None:
                return Verdict.failed_for_good(cause, failures, self.options.error_details)
            for each in failures:
                log.error("A compensation failed after the failure of the handler: %s", each, exc_info=each)
            return None
        except (CheckpointError, AttemptOver):
            if self.override is not None:
                return self.override
            raise

    # How a step begins.

    async def _handlers(
        self, io: Io, name: str, kind: str, content_for: Callable[[str], Content], begin: Callable[[str, Content], Awaitable[Any]]
    ) -> Any:
        outer = inside.get()
        if outer is not None and outer[0] is self:
            raise StepUsageError(
                f"Step '{name}' starts inside step '{outer[1]}'. Steps do not nest, because the stored outcome of the outer step would "
                "hide the inner step. Start one step after the other, and pass results along."
            )
        step = self.names.enter(name)
        try:
            return await self._begin(io, step, kind, Role.HANDLER, content_for, begin)
        finally:
            io.went_on(lambda: self.activity.went_on(step))

    async def _begin(
        self,
        io: Io,
        step: str,
        kind: str,
        role: Role,
        content_for: Callable[[str], Content],
        begin: Callable[[str, Content], Awaitable[Any]],
    ) -> Any:
        """What all kinds of steps have in common: a name of their own, and a stored outcome that is used where there is one."""
        try:
            if self.over:
                raise RunAbandoned(f"Step '{step}' does not start: the attempt is over.")
            content = content_for(step)

            # A handler that was told once that its callback cannot be handed out is told so always, even if it is called after all.
            if kind == "callback":
                unsent = await self.stored.find(io, hand_out_of(step), "run")
                if unsent is not None and unsent.failed:
                    return self._use(hand_out_of(step), unsent, content)
            outcome = await self.stored.find(io, step, kind)
            if outcome is not None:
                log.debug("Step '%s' already has its outcome in attempt %s of run %s", step, self.info.attempt, self.info.id)
                return self._use(step, outcome, content)
            self._raise_if_ending(step, role)
            result = await begin(step, content)
        except StepPending:
            if role is Role.COMPENSATION:
                self._overrule(Verdict.suspended())
                raise RunSuspended(f"Step '{step}' continues in a later attempt.") from None
            # The other branches continue. This one waits as long as they do.
            log.debug("Step '%s' continues in an attempt after attempt %s of run %s", step, self.info.attempt, self.info.id)
            self.activity.park(step, callback_of(step) if role is Role.HAND_OUT else None)
            if io.cancelled:
                # The caller was cancelled while the gateway was asked: it has given up the step, and does not wait for it.
                raise asyncio.CancelledError from None
            await io.released(self.activity)
            raise RunSuspended(f"Step '{step}' continues in a later attempt.") from None
        except CheckpointError as e:
            # Its effect may not be stored, so nothing that the handler makes of it may count as the run's result.
            self._fail(e)
            raise
        finally:
            self.names.leave(step, goes_on=role is Role.HANDLER)
        if io.cancelled:
            # The caller was cancelled while its step came to its end, which is stored.
            raise asyncio.CancelledError
        return result

    def _raise_if_ending(self, step: str, role: Role) -> None:
        """What has an outcome is returned still; nothing new begins in an attempt whose end is decided."""
        if self.handler_ended and role is Role.HANDLER:
            raise too_late(step)
        verdict = self.override

        # A suspended attempt may have failed finally all the same: what it has done is undone.
        if verdict is not None and not (verdict.is_suspended and role is Role.COMPENSATION):
            self.activity.refuse()
            if verdict.is_suspended:
                raise RunSuspended(f"Step '{step}' does not start: the attempt is suspended.")
            if verdict.status == 503:
                raise RunAbandoned(f"Step '{step}' does not start: the attempt is over.")
            raise CheckpointError(f"Step '{step}' does not start: an earlier checkpoint of this attempt failed.")

        # What comes up to here has no outcome, and all of them are known by now.
        cause = self.stored.peek(ROLLBACK_BEGUN)
        if role is not Role.COMPENSATION and cause is not None:
            raise StepFailedError(ROLLBACK_BEGUN, StepProblem.parse(cause.body))

    # How a body is executed.

    async def _execute(self, io: Io, step: str, body: Callable[[], Any], content: Content, options: StepOptions) -> Any:
        if options.at_most_once and self._gateway is not None:
            begun = await self._gateway.put(io, step, [(h.STEP_TYPE, "run"), (h.STEP_OUTCOME, "started")])
            if begun.status != 201:
                return self._act_on(step, begun, content)

        # Behind a gateway a try that may be repeated ends in a suspension; without one it is repeated here.
        if self._gateway is None:
            for tries in range(1, options.local_attempts):
                try:
                    return await self._try(io, step, body, content, options)
                except StepFailedError as e:
                    if isinstance(e.__cause__, NonRetryableError):
                        raise
                    await io.sleep(options.local_delay_after(tries, retry_after_of(e.__cause__)))
        return await self._try(io, step, body, content, options)

    async def _try(self, io: Io, step: str, body: Callable[[], Any], content: Content, options: StepOptions) -> Any:
        log.debug("Step '%s' is executing in attempt %s of run %s", step, self.info.attempt, self.info.id)
        started = time.perf_counter()
        context = contextvars.copy_context()
        context.run(inside.set, (self, step))
        called = await io.call(lambda: _received(body, content, io.blocks), context, options.timeout, self._bodies)
        duration = time.perf_counter() - started
        error = self._failure_of(io, step, called, options)
        if error is not None:
            return await self._failed(io, step, error, duration, content, options)
        try:
            content_type, encoded, result = content.write(called.result)
        except (TypeError, ValueError, LookupError, ArithmeticError, RecursionError) as e:
            raise StepUsageError(
                f"The result of step '{step}' cannot be serialized to JSON and deserialized: {e} The step was executed, but its outcome is "
                "not stored. Return plain data from the step: the data that the rest of the handler needs."
            ) from e
        return await self._complete(io, step, content_type, encoded, result, duration, content, options)

    def _failure_of(self, io: Io, step: str, called: Called, options: StepOptions) -> Optional[BaseException]:
        """The error of a body that is the step's failure; None where it has none. What says something of the attempt is raised.

        A body that is cancelled may raise anything: libraries have errors of their own for it. So the type does not tell, except where an
        error states a failure.
        """
        error = called.error
        if error is None:
            return None
        if is_of_steps(error):
            raise error
        if states_failure(error):
            return error
        if self.over or io.cancelled:
            if isinstance(error, asyncio.CancelledError):
                raise error
            raise asyncio.CancelledError(f"Step '{step}' was cancelled: {error}") from error
        if called.timed_out and isinstance(error, (asyncio.CancelledError, TimeoutError)):
            late = TimeoutError(f"The step did not finish within its timeout of {options.timeout:g} s.")
            late.__cause__ = error
            return late
        return error

    # How outcomes are stored and used.

    async def _complete(
        self, io: Io, step: str, content_type: str, encoded: bytes, result: Any, duration: float, content: Content, options: StepOptions
    ) -> Any:
        if self._gateway is not None:
            said = [("Content-Type", content_type), (h.STEP_DURATION, h.decimal_seconds(duration))]
            response = await self._gateway.put(io, step, said, encoded)
            if response.status == 413:
                detail = f"The result has {len(encoded)} bytes, more than the route's policy allows (MaxStepBytes)."
                problem = StepProblem("The step's result is too large", detail=detail)
                write = _Write(problem, duration, retry=options.header)
                return await self._store_failure(io, step, write, None, content)
            if response.status != 201:
                return self._act_on(step, response, content)
        log.debug("Step '%s' completed after %.0f ms in attempt %s of run %s", step, duration * 1000, self.info.attempt, self.info.id)
        return result

    async def _failed(self, io: Io, step: str, error: BaseException, duration: float, content: Content, options: StepOptions) -> Any:
        final = isinstance(error, NonRetryableError) or options.at_most_once
        write = _Write(
            StepProblem.of(error, self.options.stack_traces), duration, final, None if final else retry_after_of(error), options.header
        )
        return await self._store_failure(io, step, write, error, content)

    async def _store_failure(self, io: Io, step: str, write: _Write, error: Optional[BaseException], content: Content) -> Any:
        problem = write.problem
        if self._gateway is None:
            self._log_failure("A try of step '%s' failed after %.0f ms: %s: %s (attempt %s of run %s)", step, write, error)
            raise StepFailedError(step, problem) from error
        body = problem.to_json()
        response = await self._gateway.put(io, step, write.headers(), body)
        if response.status == 201:
            self._log_failure("Step '%s' failed finally after %.0f ms: %s: %s (attempt %s of run %s)", step, write, error)
            raise StepFailedError(step, problem) from error
        if response.status == 202:
            self._log_failure("A try of step '%s' failed after %.0f ms: %s: %s (attempt %s of run %s)", step, write, error)
        if response.status == 413 and len(body) > _SMALL_PROBLEM_BYTES:
            small = replace(write, problem=problem.shortened(), no_retry=True, retry_after=None)
            return await self._store_failure(io, step, small, error, content)
        return self._act_on(step, response, content)

    def _log_failure(self, message: str, step: str, write: _Write, error: Optional[BaseException]) -> None:
        # The stack is kept for those who look closely: a failed try is ordinary.
        stack = error if log.isEnabledFor(logging.DEBUG) else None
        kind = write.problem.exception_type or write.problem.title
        log.warning(message, step, write.duration * 1000, kind, write.problem.detail, self.info.attempt, self.info.id, exc_info=stack)

    def _act_on(self, step: str, response: HttpResponse, content: Content) -> Any:
        """Every answer but the plain ``201``."""
        if response.status == 200:
            failed = (response.header(h.STEP_OUTCOME) or "").strip() == "failed"
            return self._use(step, h.Outcome(failed, response.header("Content-Type") or h.JSON_TYPE, response.body), content)
        if response.status == 202:
            raise StepPending(step)
        if response.status in (409, 410):
            raise self._abandon(step, response)
        if response.status == 422:
            problem = StepProblem.parse(response.body)
            if problem.is_beyond_run_timeout:
                raise StepFailedError(step, problem)
        raise refused(f"Step '{step}'", response)

    def _use(self, step: str, stored: h.Outcome, content: Content) -> Any:
        if stored.failed:
            raise StepFailedError(step, StepProblem.parse(stored.body))
        try:
            return content.read(stored.content_type, stored.body)
        except (TypeError, ValueError, LookupError, ArithmeticError, AttributeError, RecursionError) as e:
            raise CheckpointError(
                f"The stored result of step '{step}' ({stored.content_type}, of a step of type {stored.type or 'unknown'}) cannot be "
                f"read: {e} "
                "If the type of the result has changed since it was stored, give the step a new name, or use a type that can read the "
                "stored result."
            ) from e

    def _abandon(self, step: str, response: HttpResponse) -> RunAbandoned:
        abandoned = RunAbandoned(str(refused(f"Step '{step}'", response)))
        log.debug("Attempt %s of run %s is abandoned. %s", self.info.attempt, self.info.id, abandoned)
        self._overrule(Verdict.abandoned(str(abandoned), self.options.error_details))
        self.end_early()
        self.on_over()
        return abandoned

    def _fail(self, error: CheckpointError) -> None:
        if self._override is None or self._override.is_suspended:
            log.warning("Attempt %s of run %s has failed. The gateway starts another. %s", self.info.attempt, self.info.id, error)
        self._overrule(Verdict.failed(error, self.options.error_details))

    def _overrule(self, verdict: Verdict) -> None:
        """The worst that was seen decides. Abandoned is final; a failed checkpoint outweighs a step that waits."""
        with self._lock:
            if self._override is None or self._override.status < verdict.status:
                self._override = verdict
        if not verdict.is_suspended:
            self.activity.release()

    # The steps that wait, and those that send.

    async def _ask(self, io: Io, step: str, what: str, kind: str, headers: Headers, body: bytes, content: Content) -> Any:
        """Begins a step that the gateway completes, and gives its outcome where it has one already."""
        return self._act_on(step, await self._put_parked(io, step, what, kind, headers, body), content)

    async def _put_parked(self, io: Io, step: str, what: str, kind: str, headers: Headers, body: bytes) -> HttpResponse:
        gateway = self._require_gateway(step, what)
        response = await gateway.put(io, step, [(h.STEP_TYPE, kind), *headers], body)
        if response.status == 413:
            # The answer will be the same in every attempt.
            problem = StepProblem.parse(response.body)
            await self._store_failure(io, step, _Write(problem.shortened(), 0.0), None, NOTHING)
        return response

    async def _hand_out(self, io: Io, callback: str, response: HttpResponse, hand_out: Callable[[str], Any]) -> None:
        """Executes the hand-out as a step of its own, before the step that it belongs to suspends the run."""
        url = response.header(h.CALLBACK_URL)
        if not url:
            raise CheckpointError(
                f"Step '{callback}': the gateway returned no URL for the callback ({h.CALLBACK_URL}). Check whether the gateway knows its "
                "public address."
            )
        given = url
        await self._begin(
            io,
            self.names.enter_hand_out(callback),
            "run",
            Role.HAND_OUT,
            lambda step: NOTHING,
            lambda step, content: self._execute(io, step, lambda: hand_out(given), content, DEFAULT),
        )

    async def _post(self, io: Io, gateway: Gateway, step: str, event_type: str, event: bytes) -> int:
        response = await gateway.post_event(io, event)
        if response.status in (200, 202):
            return _woken(response.body)
        if response.status in (409, 410):
            raise self._abandon(step, response)
        if response.status in (400, 413, 415, 422):
            raise NonRetryableError(str(refused(f"The event '{event_type}'", response)))
        raise refused(f"The event '{event_type}' of step '{step}'", response)

    def _require_gateway(self, step: str, what: str) -> Gateway:
        if self._gateway is None:
            raise StepUsageError(
                f"Step '{step}' {what}, but this request did not come through one. Call the service through the gateway, by a durable "
                "route. In a unit test, use durable_gateway.testing.TestRun."
            )
        return self._gateway

    # How the end is found.

    def _is_cancellation(self, failure: BaseException, was_over: bool) -> bool:
        """Whether what the handler raised is the end of its attempt, and not a failure. The failure of a step is stored already."""
        if not was_over:
            return False
        return not any(states_failure(leaf) or isinstance(leaf, (StepFailedError, StepUsageError)) for leaf in leaves(failure))

    def _is_runs_end(self, failure: Optional[BaseException], was_over: bool) -> bool:
        """Whether the run is going to fail, or to be rolled back, as far as it can be told before all branches are known."""
        if self.stored.peek(ROLLBACK_BEGUN) is not None:
            return True
        if failure is None or isinstance(failure, (CheckpointError, AttemptOver)) or self._is_cancellation(failure, was_over):
            return False
        return for_good(failure) is not None or self.info.is_final or self._gateway is None

    async def _registered(self, io: Io) -> None:
        """Waits until the branches that the handler has left behind have registered how what they have done is undone.

        They get the outcomes that are stored, and begin no further step.
        """
        await self.activity.gone_on(io)

        # What a branch does besides steps cannot be seen. It may be between its step and the registration, or on the way to its step.
        if self.activity.left_behind or self.stored.has_unasked or self.stored.peek(ROLLBACK_BEGUN) is not None:
            await self.activity.quiet(io, lambda: self.over)
        self.names.close()
        await self.activity.gone_on(io)

    async def _cause(self, io: Io, failure: Optional[BaseException], was_over: bool) -> Optional[StepProblem]:
        """Why the run has failed finally, if it has."""
        # A run that has begun to roll back cannot continue, even if what failed would succeed now.
        rolls_back = bool(self._compensations) and self._gateway is not None
        begun = await self.stored.find(io, ROLLBACK_BEGUN, "run") if rolls_back else self.stored.peek(ROLLBACK_BEGUN)
        if begun is not None:
            return StepProblem.parse(begun.body)
        if failure is None or self._is_cancellation(failure, was_over):
            return None
        final = for_good(failure)
        if isinstance(final, StepFailedError):
            # It is stored already, and each replay fails by it at the same place. Not so where another branch may have come further by
            # then.
            problem = final.problem.at(final.step)
            branches = self.activity.has_parked or self.activity.left_behind
            return await self._begin_rollback(io, problem) if rolls_back and branches else problem
        if final is None and (not self._compensations or not (self.info.is_final or self._gateway is None)):
            return None
        if isinstance(final, StepUsageError):
            own = StepProblem("A durable step is used wrongly", detail=str(final))
        else:
            own = StepProblem.of(final or failure, with_stack=False)
        return await self._begin_rollback(io, own) if rolls_back else own

    async def _begin_rollback(self, io: Io, problem: StepProblem) -> StepProblem:
        """Stores why the run is rolled back. Without it a replay whose handler does not fail again would continue with what has been
        undone."""
        kept = problem.shortened()
        try:
            await self._store_failure(io, ROLLBACK_BEGUN, _Write(kept, 0.0), None, NOTHING)
        except StepFailedError as e:
            return problem if e.problem is kept else e.problem
        except StepPending:
            raise CheckpointError(f"The gateway has not stored the step '{ROLLBACK_BEGUN}'.") from None
        except CheckpointError as e:
            self._fail(e)
            raise
        return problem

    async def _compensate(self, io: Io, blocking_io: Callable[[], Io]) -> list[StepFailedError]:
        """Executes the compensations, the last one first. One that fails finally does not stop the others."""
        failures: list[StepFailedError] = []
        with self._lock:
            registered = list(reversed(self._compensations))
        for each in registered:
            self.names.enter_reserved(each.id)
            try:
                await self._undo(blocking_io() if each.blocking else io, each)
            except StepFailedError as e:
                failures.append(e)
            except StepUsageError as e:
                log.error("Attempt %s of run %s uses a durable step incorrectly. %s", self.info.attempt, self.info.id, e, exc_info=e)
                failures.append(StepFailedError(each.id, StepProblem("A durable step is used wrongly", detail=str(e))))
        return failures

    async def _undo(self, io: Io, compensation: Compensation) -> None:
        await self._begin(
            io,
            compensation.id,
            "run",
            Role.COMPENSATION,
            lambda step: NOTHING,
            lambda step, content: self._execute(io, step, compensation.body, content, compensation.options),
        )


def _received(body: Callable[[], Any], content: Content, blocks: bool) -> Any:
    """Executes a body, and takes in what it left to be read."""
    result = body()
    received = result if inspect.isawaitable(result) else content.receive(result)
    if blocks and inspect.isawaitable(received):
        if inspect.iscoroutine(received):
            received.close()
        raise StepUsageError(
            "The body of the step is asynchronous. Use 'await step.run(…)' of durable_gateway, in an asynchronous handler."
        )
    return _then_received(result, content) if received is result and inspect.isawaitable(result) else received


async def _then_received(result: Awaitable[Any], content: Content) -> Any:
    received = content.receive(await result)
    return await received if inspect.isawaitable(received) else received


def _woken(answer: bytes) -> int:
    try:
        woken = json.loads(answer).get("woken")
    except (ValueError, AttributeError):
        # The event was taken; that nobody knows how many waited for it changes nothing.
        return 0
    return woken if isinstance(woken, int) and not isinstance(woken, bool) else 0


def until(time_: datetime) -> tuple[str, Callable[[], float]]:
    """A point in time as the contract has it, and how far ahead it is."""
    if time_.tzinfo is None:
        raise ValueError("The time must have a time zone. For example, use datetime.now(timezone.utc).")
    utc = time_.astimezone(timezone.utc)
    return utc.strftime("%Y-%m-%dT%H:%M:%S.%fZ"), lambda: (utc - datetime.now(timezone.utc)).total_seconds()
