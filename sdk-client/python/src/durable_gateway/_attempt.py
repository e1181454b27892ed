"""One request as an attempt of a run: the piece that a host wraps around a handler."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import threading
import time
from typing import Any, Awaitable, Callable, Optional

from . import _headers as h
from ._activity import Activity
from ._errors import CheckpointError
from ._gateway import Gateway
from ._io import Io, LoopIo, ThreadIo, drive
from ._options import DurableOptions
from ._runner import Runner, RunInfo
from ._stored import StoredSteps
from ._transport import Headers
from ._verdict import Verdict

log = logging.getLogger("durable_gateway")

_VERSION = "1"

current: contextvars.ContextVar[Optional[DurableAttempt]] = contextvars.ContextVar("durable_gateway_attempt", default=None)
"""The attempt that the code at hand belongs to."""


class DurableAttempt:
    """One request, as an attempt of a run. The middleware of this package does this; other hosts call :meth:`begin`, and then :meth:`run`
    or
    :meth:`run_sync`, and answer as the verdict says.
    """

    def __init__(
        self, info: RunInfo, gateway: Optional[Gateway], known: dict[str, h.Outcome], complete: bool, options: DurableOptions
    ) -> None:
        self._options = options
        self._activity = Activity(options.suspend_after)
        self._stored = StoredSteps(known, complete, gateway, self._activity)
        self.runner = Runner(info, gateway, self._stored, self._activity, options)
        self._build = None if gateway is None else options.build_header
        self._verdict: Optional[Verdict] = None
        self._raised = False
        self._noted: Optional[BaseException] = None
        self._noted_counts = False
        self._handler: Optional[asyncio.Task[Any]] = None
        self.egress_token = ""
        """What calls to the egress listener bear; empty where the gateway has none."""

    @property
    def info(self) -> RunInfo:
        return self.runner.info

    @property
    def override(self) -> Optional[Verdict]:
        """What must be said of a response that begins now, whoever wrote it. None while all is well."""
        return self.runner.override

    @classmethod
    def begin(cls, header: Callable[[str], Optional[str]], options: Optional[DurableOptions] = None) -> DurableAttempt:
        """Reads what the gateway says of a request. One without its headers is not durable: its steps simply run.

        :param header: Gives the value of a request header; several lines joined by a comma.
        :raises CheckpointError: The headers are not those of a version that this package knows. Answer as :func:`refusal` says.
        """
        options = options or DurableOptions()
        version = (header(h.PROTOCOL) or "").strip()
        if not version:
            return cls(RunInfo(None, 0), None, {}, True, options)
        if version != _VERSION:
            words = (
                f"The gateway uses version '{version}' of the contract, and this SDK uses version {_VERSION}. "
                "Update the SDK of this service."
            )
            raise CheckpointError(words, client_message=words)

        def required(name: str) -> str:
            value = header(name)
            if not value:
                raise ValueError(f"{name} is missing.")
            return value.strip()

        try:
            callbacks = [url.strip() for url in required(h.CALLBACK).split(",")]
            for url in callbacks:
                if not url.startswith(("http://", "https://")):
                    raise ValueError(f"{h.CALLBACK} has '{url}', which is not an HTTP URL.")
            known = h.parse_steps(header(h.STEPS))
            info = RunInfo(required(h.RUN_ID), int(required(h.ATTEMPT)), (header(h.FINAL_ATTEMPT) or "").strip() == "?1")
            count = int(header(h.STEP_COUNT) or 0)
            gateway = Gateway(callbacks, required(h.TOKEN), options.build_header, options.transport)
        except ValueError as e:
            raise CheckpointError(f"The headers of the attempt cannot be read: {e}") from e
        attempt = cls(info, gateway, known, count <= len(known), options)
        attempt.egress_token = (header(h.EGRESS_TOKEN) or "").strip()
        return attempt

    async def run(self, handler: Callable[[], Awaitable[Any]]) -> Verdict:
        """Executes an asynchronous handler, and tells what to answer.

        Branches of the handler are independent: where one waits for a step, the others continue, and the handler may end without it. The
        attempt is suspended when none can continue; then the handler is cancelled. When this returns, no step is executing any more. An
        exception of the handler that no step is the cause of is raised, as it would be without steps.
        """
        token = current.set(self)
        try:
            handling = asyncio.ensure_future(handler())
        finally:
            current.reset(token)
        self._handler = handling if isinstance(handling, asyncio.Task) else None
        self.runner.on_over = self._cancel_handler
        watching = None if self.runner.is_local else asyncio.ensure_future(self._watch(LoopIo()))
        cancelled = False
        while not handling.done():
            try:
                await asyncio.wait([handling])
            except asyncio.CancelledError:
                # The server cancels the request.
                cancelled = True
                self.cancel()
        failure = asyncio.CancelledError() if handling.cancelled() else handling.exception()
        try:
            verdict = await self.end(failure)
        finally:
            if watching is not None:
                # It ends by itself, as the handler has.
                await watching
        if cancelled:
            raise asyncio.CancelledError
        if verdict.is_completed and failure is not None:
            raise failure
        return verdict

    def run_sync(self, handler: Callable[[], Any]) -> Verdict:
        """The same, of a synchronous handler, in this thread."""
        failure: Optional[BaseException] = None
        try:
            self.enter(handler)
        except (Exception, asyncio.CancelledError) as e:
            failure = e
        verdict = self.end_sync(failure)
        if verdict.is_completed and failure is not None:
            raise failure
        return verdict

    def enter(self, code: Callable[[], Any]) -> Any:
        """Calls code of the handler in this thread, whose steps are this attempt's."""
        self._activity.on_first_park = self._watch_in_thread
        token = current.set(self)
        try:
            return code()
        except (Exception, asyncio.CancelledError):
            raise
        except BaseException:
            # The process is told to end: no answer is of use any more.
            self._activity.end()
            raise
        finally:
            current.reset(token)

    def note(self, failure: BaseException) -> None:
        """The handler has raised this, and the framework makes a response of it itself: :meth:`responds` says which."""
        self._noted = failure

    def responds(self, status: int) -> None:
        """The framework answers with this status. From 500 up, what :meth:`note` was told of is the handler's failure."""
        self._noted_counts = status >= 500

    def cancel(self) -> None:
        """The request was cancelled: its gateway has given it up."""
        self.runner.end_early()
        self._cancel_handler()

    async def end(self, failure: Optional[BaseException]) -> Verdict:
        """Ends the attempt, once. Called again it gives the same verdict."""
        if self._verdict is None:
            failure = self._ending(failure)
            over = await self.runner.end(LoopIo(), failure, self.runner.over, lambda: LoopIo(blocking=True))
            self._verdict = self._judged(over)
        return self._verdict

    def end_sync(self, failure: Optional[BaseException]) -> Verdict:
        if self._verdict is None:
            failure = self._ending(failure)
            over = drive(self.runner.end(ThreadIo(), failure, self.runner.over, ThreadIo))
            self._verdict = self._judged(over)
        return self._verdict

    @property
    def has_ended(self) -> bool:
        return self._verdict is not None

    def headers_of(self, status: int) -> Headers:
        """The headers that a response must bear which begins now, before the handler has ended: those of :attr:`override`, the build, and
        how the handler differs from what is stored.

        It is judged as if it had asked for its last step. A status from 500 up is taken for that of a handler that stopped on its way.
        """
        override = self.override
        if override is not None:
            return [*override.headers, *self._notes(False)]
        return self._notes(not self._raised and status < 500)

    def _ending(self, failure: Optional[BaseException]) -> Optional[BaseException]:
        failure = failure or (self._noted if self._noted_counts else None)
        # Known before anything is waited for: a response that the host writes of it is not a handler's that finished.
        self._raised = self._raised or failure is not None
        self._activity.end()
        return failure

    def _judged(self, over: Optional[Verdict]) -> Verdict:
        verdict = over or Verdict.completed()
        finished = verdict.is_final or (verdict.is_completed and not self._raised)
        return verdict.plus(self._notes(finished))

    def _notes(self, finished: bool) -> Headers:
        headers = []
        if self._build is not None:
            headers.append((h.BUILD, self._build))
        mismatches = self._stored.mismatches(finished and not self._activity.has_open_branches)
        if mismatches is not None:
            headers.append((h.MISMATCH, mismatches))
        return headers

    def _cancel_handler(self) -> None:
        handler = self._handler
        if handler is None or handler.done():
            return
        loop = handler.get_loop()
        try:
            here: Optional[asyncio.AbstractEventLoop] = asyncio.get_running_loop()
        except RuntimeError:
            here = None
        if here is not loop:
            loop.call_soon_threadsafe(handler.cancel)
        elif asyncio.current_task() is not handler:
            handler.cancel()

    async def _watch(self, io: Io) -> None:
        if not await self._activity.watch(io):
            return
        log.debug("Attempt %s of run %s is suspended. It waits for %s", self.info.attempt, self.info.id, self._activity.parked)
        started = time.monotonic()
        self._activity.release()

        # A handler that waits for its branches gets to know of them first, and of a failure among them. To cancel it would hide that.
        if not await io.wait(self._activity, lambda: self._activity.ended, self._activity.piece):
            self._cancel_handler()
        await io.wait(self._activity, lambda: self._activity.ended)
        took = time.monotonic() - started
        if took > self._options.suspend_after:
            log.warning(
                "Attempt %s of run %s was suspended while the handler worked outside of steps. The handler ended %.0f ms later. The next "
                "attempt repeats that work, and does not get further if the work takes as long. Put the work into a step, or increase "
                "suspend_after (%.0f ms)",
                self.info.attempt,
                self.info.id,
                took * 1000,
                self._options.suspend_after * 1000,
            )

    def _watch_in_thread(self) -> None:
        threading.Thread(target=lambda: drive(self._watch(ThreadIo())), name="durable-gateway-watch", daemon=True).start()


def refusal(error: CheckpointError, options: Optional[DurableOptions] = None) -> Verdict:
    """What to answer where :meth:`DurableAttempt.begin` raises."""
    log.warning("An attempt cannot start. %s", error)
    return Verdict.failed(error, options is not None and options.error_details)
