"""A step's failure as problem details (RFC 9457)."""

from __future__ import annotations

import json
import traceback
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Optional, Sequence

from ._errors import FailedResponseError, NonRetryableError

if TYPE_CHECKING:
    from ._errors import StepFailedError

GATEWAYS_OWN = "/_durable/problems/"
_FAILED = "The step failed"
_MAX_STACK_CHARS = 2048
_SHORT_CHARS = 256


@dataclass(frozen=True)
class StepProblem:
    """A step's failure. Operators see all of it; a client sees :attr:`client_message`, and the kind where it is the gateway's own."""

    title: str
    """What kind of failure it is, for people."""
    type: Optional[str] = None
    """The kind as a URI reference: ``/_durable/problems/step-timeout``, or what an invoked service named. None for an exception."""
    detail: Optional[str] = None
    """What went wrong: the exception's message. Not for clients."""
    status: Optional[int] = None
    """A status that the failure stands for, where it has one."""
    exception_type: Optional[str] = None
    """The full name of the exception's type, where the failure was one."""
    stack_trace: Optional[str] = None
    """Where it was raised, shortened."""
    client_message: Optional[str] = None
    """What the client of the run is told where the failure ends it."""
    step: Optional[str] = None
    """The step whose failure it is, where it is kept as another one."""

    @property
    def is_step_timeout(self) -> bool:
        """Whether what the step waited for has not come in its time."""
        return (self.type or "").endswith(GATEWAYS_OWN + "step-timeout")

    @property
    def is_step_interrupted(self) -> bool:
        """Whether the step may be executed once, was begun, and nobody knows how it ended."""
        return (self.type or "").endswith(GATEWAYS_OWN + "step-interrupted")

    @property
    def is_beyond_run_timeout(self) -> bool:
        """Whether the run's policy leaves no time for what the step asks for."""
        return (self.type or "").endswith(GATEWAYS_OWN + "beyond-run-timeout")

    @classmethod
    def of(cls, error: BaseException, with_stack: bool) -> StepProblem:
        kind = type(error)
        stack = None
        if with_stack and error.__traceback__ is not None:
            # The end of a Python stack is where it was raised.
            stack = "".join(traceback.format_tb(error.__traceback__))[-_MAX_STACK_CHARS:]
        return cls(
            title=kind.__name__,
            detail=str(error),
            status=error.status if isinstance(error, FailedResponseError) else None,
            exception_type=kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}",
            stack_trace=stack,
            client_message=error.client_message if isinstance(error, NonRetryableError) else None,
        )

    @classmethod
    def parse(cls, body: bytes) -> StepProblem:
        """Reads what is stored, however little it resembles problem details: another SDK's idea of a failure is still a failure."""
        try:
            read = json.loads(body)
        except ValueError:
            return cls(_FAILED)
        if not isinstance(read, dict):
            return cls(_FAILED)

        def text(name: str) -> Optional[str]:
            value = read.get(name)
            return value if isinstance(value, str) else None

        status = read.get("status")
        return cls(
            title=text("title") or _FAILED,
            type=text("type"),
            detail=text("detail"),
            status=status if isinstance(status, int) and not isinstance(status, bool) else None,
            exception_type=text("exceptionType"),
            stack_trace=text("stackTrace"),
            client_message=text("clientMessage"),
            step=text("step"),
        )

    def at(self, step: str) -> StepProblem:
        return replace(self, step=step)

    def shortened(self) -> StepProblem:
        def short(text: Optional[str]) -> Optional[str]:
            return text if text is None else text[:_SHORT_CHARS]

        return replace(self, detail=short(self.detail), client_message=short(self.client_message), stack_trace=None)

    def to_json(self) -> bytes:
        """All of it, as it is stored."""
        return _json(
            {
                "type": self.type,
                "title": self.title,
                "detail": self.detail,
                "status": self.status,
                "exceptionType": self.exception_type,
                "stackTrace": self.stack_trace,
                "clientMessage": self.client_message,
                "step": self.step,
            }
        )

    def to_client_json(self, details: bool, compensations: Sequence[StepFailedError] = ()) -> bytes:
        """As a client may see it: which step failed, and what the developer meant for clients.

        :param details: Whether the client is a developer, who may see the exception.
        """
        members = self._for_client(details, self.step)
        members["status"] = 500
        if compensations:
            members["compensationFailures"] = [_without_none(e.problem._for_client(details, e.step)) for e in compensations]
        return _json(members)

    def _for_client(self, details: bool, step: Optional[str]) -> dict[str, Any]:
        # The gateway's own kinds of failure are part of the contract. What another service names is not this one's to tell.
        tells_type = self.type is not None and (details or self.type.startswith(GATEWAYS_OWN))
        return {
            "type": self.type if tells_type else None,
            "title": self.title if details else "The request failed" if step is None else "A step of the request failed",
            "detail": self.client_message or (self.detail if details else None),
            "exceptionType": self.exception_type if details else None,
            "step": step,
        }


def _without_none(members: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


def _json(members: dict[str, Any]) -> bytes:
    # A message may hold lone surrogates (of file names, say), which UTF-8 has no form for; JSON's escapes have.
    return json.dumps(_without_none(members), separators=(",", ":")).encode("ascii")
