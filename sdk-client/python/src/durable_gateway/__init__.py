"""Durable steps: what a handler has finished is stored by Durable Gateway, and not executed again when the request is replayed.

::

    from durable_gateway import step

    @app.post("/checkout")
    async def checkout(order: Order):
        charge = await step.run("charge", payments.charge, order)

Wrap the application in :class:`durable_gateway.asgi.DurableMiddleware`. Synchronous handlers: :mod:`durable_gateway.sync`, with
:mod:`durable_gateway.wsgi`, :mod:`durable_gateway.flask` or :mod:`durable_gateway.django`.
"""

from ._attempt import DurableAttempt, refusal
from ._content import Codec, JsonCodec
from ._egress import egress_headers, egress_open
from ._errors import (
    AttemptOver,
    CheckpointError,
    DurableError,
    FailedResponseError,
    NonRetryableError,
    RetryAfterError,
    RunAbandoned,
    RunSuspended,
    StepFailedError,
    StepUsageError,
)
from ._options import DurableOptions, ModelPrice
from ._problem import StepProblem
from ._redirects import EgressRedirectHandler
from ._response import Headers, Response
from ._runner import RunInfo
from ._step import Ai, Step, step
from ._transport import AsyncTransport, HttpRequest, HttpResponse, HttpTransport, Transport
from ._verdict import Verdict

__version__ = "0.1.0"

__all__ = [
    "Ai",
    "AsyncTransport",
    "AttemptOver",
    "CheckpointError",
    "Codec",
    "DurableAttempt",
    "DurableError",
    "DurableOptions",
    "EgressRedirectHandler",
    "FailedResponseError",
    "Headers",
    "HttpRequest",
    "HttpResponse",
    "HttpTransport",
    "JsonCodec",
    "ModelPrice",
    "NonRetryableError",
    "Response",
    "RetryAfterError",
    "RunAbandoned",
    "RunInfo",
    "RunSuspended",
    "Step",
    "StepFailedError",
    "StepProblem",
    "StepUsageError",
    "Transport",
    "Verdict",
    "egress_headers",
    "egress_open",
    "refusal",
    "step",
]
