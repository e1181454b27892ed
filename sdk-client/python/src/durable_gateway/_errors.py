"""What steps raise, and what their bodies may raise to say more than that they failed."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Optional, Union

if TYPE_CHECKING:
    from ._problem import StepProblem


class DurableError(Exception):
    """The base of the errors of this package. The end of an attempt is not among them: see :class:`AttemptOver`."""


class StepFailedError(DurableError):
    """A step has failed finally: its tries are used up, or no retry may help.

    The failure is part of the run, so every replay raises it here again. Catch it to compensate. Where it leaves the handler, the run
    ends with it. The exception itself is its ``__cause__``, only in the attempt in which the step was executed.
    """

    def __init__(self, step: str, problem: StepProblem) -> None:
        super().__init__(f"Step '{step}' failed: {problem.detail or problem.title}")
        self.step = step
        """The step's id."""
        self.problem = problem
        """What went wrong, as it was stored."""


class NonRetryableError(DurableError):
    """Raise it in a step's body, or in the handler, where no retry may help: the step, or the run, fails finally.

    :param message: What went wrong: for the run's record and the log. Clients do not see it.
    :param client_message: What the client of the run is told where the failure ends it. Without it: that the request failed, and not why.
    """

    def __init__(self, message: str, *, client_message: Optional[str] = None) -> None:
        super().__init__(message)
        self.client_message = client_message


class RetryAfterError(DurableError):
    """Raise it in a step's body to say when the next try makes sense. The try counts as a failure.

    :param delay: The shortest time until the next try, in seconds or as a ``timedelta``. It is longer where the policy's own delay is.
    """

    def __init__(self, delay: Union[float, timedelta], message: Optional[str] = None) -> None:
        seconds = delay.total_seconds() if isinstance(delay, timedelta) else float(delay)
        if not 0 <= seconds < float("inf"):
            raise ValueError("The delay must be a finite number of seconds, and must not be negative.")
        super().__init__(message or f"Try again in {seconds:g} s.")
        self.delay = seconds


class FailedResponseError(DurableError):
    """``step.fetch`` got a response that stands for a failed try: status 408, 429, 500, 502, 503 or 504."""

    def __init__(self, message: str, status: int, retry_after: Optional[float]) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after = retry_after


class StepUsageError(DurableError, RuntimeError):
    """A step is used in a way that cannot work. The message says what to do. It is an error in the handler: no replay helps."""


class CheckpointError(DurableError):
    """An outcome could not be stored, or a stored one not be read. The attempt is over; the gateway starts another."""

    def __init__(self, message: str, *, client_message: Optional[str] = None) -> None:
        super().__init__(message)
        self.client_message = client_message


class AttemptOver(asyncio.CancelledError):
    """The handler cannot continue in this attempt.

    A cancellation, in synchronous code too: ``except Exception`` lets it pass, and ``finally`` and ``with`` do their work.
    """


class RunSuspended(AttemptOver):
    """A step has no outcome yet, and the handler cannot continue without it. The run is parked, and the handler executed again later."""


class RunAbandoned(AttemptOver):
    """The run has ended, or a later attempt owns it: what this handler does is discarded."""


class StepPending(Exception):
    """A step has no outcome yet, and none comes in this attempt. It does not leave the package: the step is parked."""


def retry_after_of(error: Optional[BaseException]) -> Optional[float]:
    if isinstance(error, RetryAfterError):
        return error.delay
    return error.retry_after if isinstance(error, FailedResponseError) else None


def is_of_steps(error: BaseException) -> bool:
    """Whether it says something of the attempt, and not of the body that it comes from."""
    return isinstance(error, (StepUsageError, AttemptOver, CheckpointError))


def states_failure(error: BaseException) -> bool:
    """Whether it says of itself that it is a failure. One that was raised for another error may stand for a cancellation."""
    if not isinstance(error, (NonRetryableError, RetryAfterError, FailedResponseError)):
        return False
    return error.__cause__ is None and (error.__context__ is None or error.__suppress_context__)


def leaves(error: BaseException) -> list[BaseException]:
    """The errors that an exception group is made of (of any kind: ``exceptiongroup`` has one for Python before 3.11)."""
    inner = getattr(error, "exceptions", None)
    if not isinstance(inner, (tuple, list)) or not all(isinstance(e, BaseException) for e in inner):
        return [error]
    return [leaf for e in inner for leaf in leaves(e)]


def for_good(error: Optional[BaseException]) -> Optional[BaseException]:
    """The error in it by which the run fails finally; None where there is none. Task groups wrap what their tasks raise."""
    if error is None:
        return None
    found = [e for e in leaves(error) if isinstance(e, (StepFailedError, NonRetryableError, StepUsageError))]
    return found[0] if found else None


for _public in (
    DurableError,
    StepFailedError,
    NonRetryableError,
    RetryAfterError,
    FailedResponseError,
    StepUsageError,
    CheckpointError,
    AttemptOver,
    RunSuspended,
    RunAbandoned,
):
    # Tracebacks and records name them as they are imported.
    _public.__module__ = "durable_gateway"
