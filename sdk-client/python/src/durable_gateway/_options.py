"""How steps are kept, and how one of them is tried."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Mapping, Optional, Union

from ._content import Codec, JsonCodec
from ._headers import sf_decimal, sf_string
from ._transport import AsyncTransport, HttpTransport, Transport

Seconds = Union[float, timedelta]
"""A span of time: seconds, or a ``timedelta``."""

_LONGEST = 2147483.0
_shared_transport = HttpTransport()


def seconds(value: Seconds, what: str) -> float:
    """:raises ValueError: It is negative, or no finite number."""
    number = value.total_seconds() if isinstance(value, timedelta) else float(value)
    if not 0 <= number < float("inf"):
        raise ValueError(f"{what} must be a finite time span, and must not be negative: {value!r}.")
    return number


@dataclass(frozen=True)
class ModelPrice:
    """What a model costs for a million tokens, in any currency."""

    input: float
    output: float


@dataclass(frozen=True)
class DurableOptions:
    """How the steps of a service are kept."""

    build: Optional[str] = field(default_factory=lambda: os.environ.get("DURABLE_BUILD"))
    """Which build of the service this is: operators see which builds have worked on a run. The default is the environment's
    ``DURABLE_BUILD``."""

    suspend_after: float = 0.5
    """How long, in seconds, an attempt continues in which a step is parked and no other is executing. When none has begun in that time, the
    handler cannot continue, and the attempt is suspended. Work of a branch outside of steps that takes longer, while another branch waits,
    is cut off, and done again by the next attempt: put it into a step."""

    error_details: bool = False
    """Whether the client of a failed run is told the type and message of the exception. For development."""

    stack_traces: bool = True
    """Whether the stack of a step's failure is stored with it, for operators to see."""

    codec: Codec = field(default_factory=JsonCodec)
    """How results become JSON and come back."""

    transport: Union[Transport, AsyncTransport] = _shared_transport
    """Sends the calls to the gateway."""

    prices: Mapping[str, ModelPrice] = field(default_factory=dict)
    """What models cost, by the model's name, or how it begins: ``{"gpt-4o": ModelPrice(2.5, 10)}``. For :attr:`durable_gateway.Step.ai`."""

    def __post_init__(self) -> None:
        if not 0 < self.suspend_after <= _LONGEST:
            raise ValueError("suspend_after must be more than zero and at most 24 days, in seconds.")

    @property
    def build_header(self) -> Optional[str]:
        return sf_string(self.build) if self.build else None


BACKOFFS = ("exponential", "linear", "constant")


@dataclass(frozen=True)
class StepOptions:
    """How one step is tried. What is not set is as the route's policy says."""

    max_attempts: Optional[int] = None
    retry_delay: Optional[float] = None
    max_retry_delay: Optional[float] = None
    backoff: Optional[str] = None
    timeout: Optional[float] = None
    at_most_once: bool = False

    @classmethod
    def of(
        cls,
        max_attempts: Optional[int],
        retry_delay: Optional[Seconds],
        max_retry_delay: Optional[Seconds],
        backoff: Optional[str],
        timeout: Optional[Seconds],
        at_most_once: bool,
    ) -> StepOptions:
        """:raises ValueError: One of them is out of its range."""
        if max_attempts is not None and (isinstance(max_attempts, bool) or not isinstance(max_attempts, int) or max_attempts < 1):
            raise ValueError("max_attempts must be a whole number, 1 or more.")
        if backoff is not None and backoff not in BACKOFFS:
            raise ValueError("backoff must be exponential, linear or constant.")
        limit = None if timeout is None else seconds(timeout, "timeout")
        if limit is not None and not 0 < limit <= _LONGEST:
            raise ValueError("The timeout of a step must be more than zero and at most 24 days. Omit it for no timeout.")
        return cls(
            max_attempts,
            None if retry_delay is None else seconds(retry_delay, "retry_delay"),
            None if max_retry_delay is None else seconds(max_retry_delay, "max_retry_delay"),
            backoff,
            limit,
            at_most_once,
        )

    @property
    def header(self) -> Optional[str]:
        """The Dictionary of ``Durable-Step-Retry``; None where nothing is set."""
        members = []
        if self.max_attempts is not None:
            members.append(f"max-attempts={self.max_attempts}")
        if self.retry_delay is not None:
            members.append("delay=" + sf_decimal(self.retry_delay))
        if self.max_retry_delay is not None:
            members.append("max-delay=" + sf_decimal(self.max_retry_delay))
        if self.backoff is not None:
            members.append("backoff=" + self.backoff)
        return ", ".join(members) or None

    @property
    def local_attempts(self) -> int:
        """How many tries are made without a gateway."""
        return 1 if self.at_most_once or self.max_attempts is None else self.max_attempts

    def local_delay_after(self, tries: int, at_least: Optional[float]) -> float:
        """The delay after a failed try without a gateway."""
        first = 1.0 if self.retry_delay is None else self.retry_delay
        if self.backoff == "constant":
            delay = first
        elif self.backoff == "linear":
            delay = first * tries
        else:
            delay = first * 2 ** min(tries - 1, 30)
        return max(min(delay, 60.0 if self.max_retry_delay is None else self.max_retry_delay), at_least or 0.0)


DEFAULT = StepOptions()
