"""A gateway that answers as a test says, in the process."""

from __future__ import annotations

import asyncio
import base64
import json
import threading
import time
from dataclasses import dataclass, field
from typing import Any, Awaitable, Callable, Optional, Union
from urllib.parse import unquote

import pytest

from durable_gateway import DurableAttempt, DurableOptions, HttpRequest, HttpResponse, Verdict

RUN_ID = "01a20679-cce6-73be-b275-852ca4b597ac"
CALLBACK = f"http://gw1.test:8081/_durable/v1/runs/{RUN_ID}"
OTHER = f"http://any.test:8081/_durable/v1/runs/{RUN_ID}"

Answer = Union[HttpResponse, Exception, Callable[[HttpRequest], HttpResponse]]


def problem(name: str, status: int, **members: Any) -> HttpResponse:
    body = json.dumps({"type": f"/_durable/problems/{name}", "title": name, "status": status, **members}).encode()
    return HttpResponse(status, [("Content-Type", "application/problem+json")], body)


def status(code: int, *headers: tuple[str, str]) -> HttpResponse:
    return HttpResponse(code, list(headers), b"")


def stored(body: Union[bytes, Any], *, failed: bool = False, content_type: str = "application/json") -> HttpResponse:
    said = "failed" if failed else "completed"
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return HttpResponse(200, [("Durable-Step-Outcome", said), ("Content-Type", content_type)], content)


@dataclass
class Call:
    method: str
    url: str
    step: Optional[str]
    headers: dict[str, str]
    body: bytes

    @property
    def said(self) -> str:
        """A line of what the call says, for comparison as a whole."""
        kind = self.headers.get("Durable-Step-Type", "run")
        outcome = self.headers.get("Durable-Step-Outcome", "completed" if kind == "run" else "")
        final = " final" if self.headers.get("Durable-Retry") == "?0" else ""
        return f"{self.method} {self.step} {outcome if kind == 'run' else kind}{final}"


@dataclass
class ScriptedGateway:
    """Answers ``201`` to outcomes, ``202`` to what waits, unless :attr:`script` says otherwise. The last answer for a step is repeated."""

    script: dict[str, list[Answer]] = field(default_factory=dict)
    outcomes: list[dict[str, Any]] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    hosts: dict[str, Answer] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._lock = threading.Lock()

    def answer(self, step: str, *answers: Answer) -> None:
        self.script[step] = list(answers)

    def store(self, step: str, body: Any, *, failed: bool = False, kind: str = "run", content_type: Optional[str] = None) -> None:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        default = "application/problem+json" if failed else "application/json"
        self.outcomes.append(
            {
                "id": step,
                "type": kind,
                "outcome": "failed" if failed else "completed",
                "contentType": content_type or default,
                "body": base64.b64encode(content).decode(),
            }
        )

    @property
    def said(self) -> list[str]:
        return [call.said for call in self.calls]

    def send(self, request: HttpRequest, timeout: float) -> HttpResponse:
        path = request.url.split("/steps/", 1)
        step = unquote(path[1]) if len(path) == 2 else None
        with self._lock:
            self.calls.append(Call(request.method, request.url, step, dict(request.headers), request.body))
            answer: Optional[Answer] = next((a for host, a in self.hosts.items() if host in request.url), None)
            if answer is None:
                scripted = self.script.get(step or request.method, [])
                answer = (scripted.pop(0) if len(scripted) > 1 else scripted[0]) if scripted else self._default(request)
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, HttpResponse) else answer(request)

    def _default(self, request: HttpRequest) -> HttpResponse:
        if request.method == "GET":
            return HttpResponse(200, [("Content-Type", "application/json")], json.dumps(self.outcomes).encode())
        if request.method == "POST":
            return HttpResponse(202, [], b'{"woken":1}')
        said = dict(request.headers)
        kind = said.get("Durable-Step-Type", "run")
        if kind == "callback":
            return status(202, ("Durable-Callback-Url", "https://gw.test/_durable/v1/callbacks/c"))
        waits = kind != "run" or (said.get("Durable-Step-Outcome") == "failed" and said.get("Durable-Retry") != "?0")
        return status(202 if waits else 201)


def headers(gateway: Optional[ScriptedGateway] = None, **more: Any) -> dict[str, str]:
    """Those of an attempt. What the gateway has stored is counted, and so read by GET."""
    said = {
        "Durable-Protocol": "1",
        "Durable-Run-Id": RUN_ID,
        "Durable-Attempt": "1",
        "Durable-Callback": CALLBACK,
        "Durable-Token": "t0ken",
    }
    if gateway is not None and gateway.outcomes:
        said["Durable-Step-Count"] = str(len(gateway.outcomes))
    said.update({name.replace("_", "-"): value for name, value in more.items()})
    return said


def options(gateway: ScriptedGateway, **more: Any) -> DurableOptions:
    defaults: dict[str, Any] = {"transport": gateway, "suspend_after": 0.05, "build": None}
    return DurableOptions(**{**defaults, **more})


async def attempt(
    gateway: ScriptedGateway, handler: Callable[[], Awaitable[Any]], said: Optional[dict[str, str]] = None, **more: Any
) -> Verdict:
    lookup = {name.lower(): value for name, value in (headers(gateway) if said is None else said).items()}
    return await DurableAttempt.begin(lambda name: lookup.get(name.lower()), options(gateway, **more)).run(handler)


def attempt_sync(gateway: ScriptedGateway, handler: Callable[[], Any], said: Optional[dict[str, str]] = None, **more: Any) -> Verdict:
    lookup = {name.lower(): value for name, value in (headers(gateway) if said is None else said).items()}
    return DurableAttempt.begin(lambda name: lookup.get(name.lower()), options(gateway, **more)).run_sync(handler)


async def until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    """Polls on the event loop until a condition holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "It did not come in time."
        await asyncio.sleep(0.001)


def until_sync(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    """The same, in a thread."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "It did not come in time."
        time.sleep(0.001)


def unexpected() -> Any:
    pytest.fail("It is executed, though it has an outcome or must not begin.")
