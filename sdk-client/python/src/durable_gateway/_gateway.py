"""The calls of a service to the gateway."""

from __future__ import annotations

import base64
import json
import random
import uuid
from typing import TYPE_CHECKING, Any, Callable, Optional, Sequence, Union
from urllib.parse import quote, urlsplit, urlunsplit

from . import _headers as h
from . import _step_list as step_list
from ._errors import CheckpointError, DurableError
from ._problem import StepProblem
from ._transport import AsyncTransport, Headers, HttpRequest, HttpResponse, Transport

if TYPE_CHECKING:
    from ._io import Io

CALL_TIMEOUT = 10.0
DELAYS = (0.2, 0.4, 0.8, 1.6)


class Gateway:
    """The gateway, as one attempt may call it.

    :param callbacks: The run's addresses, the best one first.
    """

    def __init__(self, callbacks: Sequence[str], token: str, build: Optional[str], transport: Union[Transport, AsyncTransport]) -> None:
        self._callbacks = callbacks
        self._token = token
        self._build = build
        self._transport = transport
        # The address that answered last: the run is known there.
        self._best = 0
        # Tells this execution of the handler from another one of the same attempt, which something between gateway and service has sent
        # twice.
        self._execution = f'"{uuid.uuid4().hex}"'

    async def put(self, io: Io, step: str, headers: Headers, body: bytes = b"") -> HttpResponse:
        """Stores an outcome, or begins what the gateway completes.

        Not cancelled with its caller: a step that has been executed is worth its checkpoint.

        :raises CheckpointError: No address took the call.
        """
        path = "/steps/" + quote(step, safe="")
        if self._build is not None:
            headers = [*headers, (h.BUILD, self._build)]
        return await io.finish(self._send(io, "PUT", lambda callback: callback + path, headers, body))

    async def post_event(self, io: Io, event: bytes) -> HttpResponse:
        return await io.finish(self._send(io, "POST", _events_of, [("Content-Type", "application/cloudevents+json")], event))

    async def get_steps(self, io: Io) -> dict[str, h.Outcome]:
        """All stored outcomes of the run, oldest first."""
        accept = ("Accept", f"{step_list.CONTENT_TYPE}, {h.JSON_TYPE};q=0.9")
        response = await io.finish(self._send(io, "GET", lambda callback: callback + "/steps", [accept], b""))
        if response.status != 200:
            raise refused("The stored steps", response)
        try:
            if _is_step_list(response):
                return step_list.read(response.body)
            return {
                row["id"]: h.Outcome(
                    row["outcome"] == "failed",
                    row.get("contentType") or (h.PROBLEM_TYPE if row["outcome"] == "failed" else h.JSON_TYPE),
                    base64.b64decode(row["body"], validate=True),
                    row.get("type"),
                )
                for row in json.loads(response.body)
            }
        except (ValueError, TypeError, KeyError, AttributeError) as e:
            raise CheckpointError(f"The gateway's list of steps cannot be read: {e}") from e

    async def _send(self, io: Io, method: str, address: Callable[[str], str], headers: Headers, body: bytes) -> HttpResponse:
        said = [*headers, (h.TOKEN, self._token), (h.EXECUTION, self._execution)]
        last: Any = None
        first, count = self._best, len(self._callbacks)
        for i in range(count):
            turn = (first + i) % count
            request = HttpRequest(method, address(self._callbacks[turn]), said, body)
            response: Optional[HttpResponse] = None
            for delay in (*DELAYS, None):
                response = None
                try:
                    response = await io.send(self._transport, request, CALL_TIMEOUT)
                except DurableError:
                    raise
                except Exception as e:
                    # Whatever a transport raises (a refused connection, a time-out), the call has failed.
                    last = f"{type(e).__name__}: {e}"
                if response is not None and _is_step_list(response) and step_list.is_cut_off(response.body):
                    last, response = "The list of steps is cut off.", None
                if response is not None and response.status != 503:
                    break
                if delay is not None:
                    await io.sleep(delay * random.uniform(0.5, 1.5))
            if response is None:
                continue
            # A node that does not know the run, and one that cannot reach the store, may have a neighbour that can.
            if i + 1 < count and response.status in (404, 503):
                last = refused(request.url, response)
                continue
            self._best = turn
            return response
        raise CheckpointError(f"The gateway cannot be reached at {', '.join(self._callbacks)}: {last}")


def _is_step_list(response: HttpResponse) -> bool:
    media = (response.header("Content-Type") or "").split(";")[0].strip().lower()
    return response.status == 200 and media == step_list.CONTENT_TYPE


def refused(what: str, response: HttpResponse) -> CheckpointError:
    """What the gateway said against a call."""
    problem = StepProblem.parse(response.body)
    return CheckpointError(
        f"{what}: the gateway answered {response.status} ({problem.title}{f': {problem.detail}' if problem.detail else ''})."
    )


def cloud_event(run: str, step: str, event_type: str, key: Optional[str], data: bytes, content_type: str) -> bytes:
    """A CloudEvent 1.0 in structured mode. Run and step are its id, so that a repetition is known as one."""
    event: dict[str, Any] = {"specversion": "1.0", "id": f"{run}/{step}", "source": f"/_durable/v1/runs/{run}", "type": event_type}
    if key is not None:
        event["subject"] = key
    if data:
        event["datacontenttype"] = content_type
        if content_type == h.JSON_TYPE:
            event["data"] = json.loads(data)
        else:
            event["data_base64"] = base64.b64encode(data).decode("ascii")
    return json.dumps(event, separators=(",", ":")).encode("ascii")


def _events_of(callback: str) -> str:
    """A control listener behind a prefix has its events behind the same one."""
    end = callback.rfind("/runs/")
    if end >= 0:
        return callback[:end] + "/events"
    url = urlsplit(callback)
    return urlunsplit((url.scheme, url.netloc, "/_durable/v1/events", "", ""))
