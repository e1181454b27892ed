"""How an attempt ended, and what the host must answer."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Optional, Sequence

from . import _headers as h
from ._errors import CheckpointError, StepFailedError
from ._problem import StepProblem
from ._transport import Headers


@dataclass(frozen=True)
class Verdict:
    """Where :attr:`is_completed`, the handler's own response is the answer, with :attr:`headers` added. Else the response is made of
    this."""

    status: int
    """The status to answer with; 0 where the handler's own response is the answer."""
    headers: tuple[tuple[str, str], ...] = ()
    """The headers to answer with, those of a handler's own response among them: set them in any case."""
    problem: Optional[bytes] = None
    """The body to answer with, of type ``application/problem+json``; None: none."""

    @property
    def is_completed(self) -> bool:
        return self.status == 0

    @property
    def is_suspended(self) -> bool:
        """Whether the run is parked, and the handler executed again later."""
        return self.status == 202

    @property
    def is_final(self) -> bool:
        return (h.RETRY, "?0") in self.headers

    def response_headers(self) -> Headers:
        """All headers of a response that is made of this."""
        body = self.problem or b""
        kind = [("Content-Type", h.PROBLEM_TYPE)] if body else []
        return [*self.headers, *kind, ("Content-Length", str(len(body)))]

    def plus(self, headers: Headers) -> Verdict:
        return replace(self, headers=(*self.headers, *headers)) if headers else self

    @classmethod
    def completed(cls) -> Verdict:
        return cls(0)

    @classmethod
    def suspended(cls) -> Verdict:
        return cls(202, ((h.SUSPENDED, "?1"),))

    @classmethod
    def failed_for_good(cls, problem: StepProblem, compensations: Sequence[StepFailedError], details: bool) -> Verdict:
        return cls(500, ((h.RETRY, "?0"),), problem.to_client_json(details, compensations))

    @classmethod
    def failed(cls, error: CheckpointError, details: bool) -> Verdict:
        problem = StepProblem("A checkpoint failed", detail=str(error), client_message=error.client_message)
        return cls(500, ((h.RETRY, "?1"),), problem.to_client_json(details))

    @classmethod
    def abandoned(cls, why: str, details: bool) -> Verdict:
        return cls(503, ((h.RETRY, "?1"),), StepProblem("The attempt is abandoned", detail=why).to_client_json(details))
