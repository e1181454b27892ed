"""Behind ASGI: what is answered, and how frameworks are got along with."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any, Optional

import pytest

from durable_gateway import CheckpointError, NonRetryableError, StepFailedError, step
from durable_gateway.asgi import DurableMiddleware, note_exception
from durable_gateway.sync import step as sync_step

from .support import ScriptedGateway, headers, options, problem


@dataclass
class Answer:
    messages: list[Any] = field(default_factory=list)
    error: Optional[BaseException] = None

    @property
    def status(self) -> int:
        return int(self.messages[0]["status"])

    @property
    def headers(self) -> dict[str, str]:
        return {name.decode().lower(): value.decode() for name, value in self.messages[0]["headers"]}

    @property
    def body(self) -> bytes:
        return b"".join(message["body"] for message in self.messages[1:])

    @property
    def is_whole(self) -> bool:
        return not self.messages[-1].get("more_body", False)


async def request(app: Any, said: dict[str, str], *, body: bytes = b"{}", gone: Optional[asyncio.Event] = None, path: str = "/") -> Answer:
    answer = Answer()
    sent = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Any:
        if sent:
            return sent.pop()
        await (gone or asyncio.Event()).wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        answer.messages.append(dict(message))

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "server": ("test", 80),
        "client": ("test", 1),
        "headers": [(b"content-type", b"application/json"), *((name.lower().encode(), value.encode()) for name, value in said.items())],
    }
    try:
        await app(scope, receive, send)
    except Exception as e:
        answer.error = e
    return answer


async def respond(send: Any, status: int = 200, *parts: bytes, length: bool = True) -> None:
    said = [(b"content-length", str(sum(map(len, parts))).encode())] if length else []
    await send({"type": "http.response.start", "status": status, "headers": said})
    for i, part in enumerate(parts or (b"",)):
        await send({"type": "http.response.body", "body": part, "more_body": i < len(parts) - 1})


def wrapped(gateway: ScriptedGateway, handler: Any, **more: Any) -> Any:
    return DurableMiddleware(handler, options(gateway, **more))


async def test_a_response_bears_build_and_mismatch(gateway: ScriptedGateway) -> None:
    gateway.store("gone", 1)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        assert (await receive())["body"] == b"{}"
        await step.run("one", lambda: 1)
        await respond(send, 200, b"ok")

    answer = await request(wrapped(gateway, app, build="7"), headers(gateway))
    assert (answer.status, answer.body) == (200, b"ok")
    assert answer.headers["durable-build"] == '"7"' and answer.headers["durable-mismatch"] == '"gone";unused'


async def test_a_suspended_attempt_is_answered_with_202(gateway: ScriptedGateway) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await step.sleep("nap", 9)

    answer = await request(wrapped(gateway, app), headers(gateway))
    assert (answer.status, answer.body, answer.headers) == (202, b"", {"durable-suspended": "?1", "content-length": "0"})


async def test_a_final_failure_is_answered_with_its_problem(gateway: ScriptedGateway) -> None:
    def refuse() -> None:
        raise NonRetryableError("no", client_message="Declined.")

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await step.run("pay", refuse)

    answer = await request(wrapped(gateway, app), headers(gateway))
    assert (answer.status, answer.headers["durable-retry"], answer.headers["content-type"]) == (500, "?0", "application/problem+json")
    assert json.loads(answer.body)["detail"] == "Declined."


async def test_what_a_framework_makes_of_a_failed_checkpoint_does_not_count(gateway: ScriptedGateway) -> None:
    gateway.answer("one", problem("record-unreadable", 502))

    async def app(scope: Any, receive: Any, send: Any) -> None:
        try:
            await step.run("one", lambda: 1)
        except CheckpointError:
            await respond(send, 200, b"all is well")

    answer = await request(wrapped(gateway, app), headers(gateway))
    assert (answer.status, answer.headers["durable-retry"]) == (500, "?1") and b"well" not in answer.body


async def test_what_is_raised_behind_an_error_page_counts(gateway: ScriptedGateway) -> None:
    gateway.store("pay", {"title": "x"}, failed=True)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        # As Starlette's ServerErrorMiddleware does, where the middleware is outside of the application.
        try:
            await step.run("pay", lambda: 1)
        except StepFailedError:
            await respond(send, 500, b"Internal Server Error")
            raise

    answer = await request(wrapped(gateway, app), headers(gateway))
    assert answer.headers["durable-retry"] == "?0" and answer.error is None


async def test_a_plain_error_page_is_answered_as_it_is(gateway: ScriptedGateway) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await respond(send, 500, b"Internal Server Error")
        raise ValueError("a bug")

    answer = await request(wrapped(gateway, app), headers(gateway))
    assert (answer.status, answer.body) == (500, b"Internal Server Error") and "durable-retry" not in answer.headers
    assert isinstance(answer.error, ValueError)


async def test_an_exception_is_noted_where_a_framework_keeps_it(gateway: ScriptedGateway) -> None:
    gateway.store("pay", {"title": "x"}, failed=True)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        # As Litestar does.
        try:
            await step.run("pay", lambda: 1)
        except StepFailedError as e:
            note_exception(e, scope)
            await respond(send, scope["state"], b"made of it")

    app_ = wrapped(gateway, app)

    async def of(status: int) -> Answer:
        async def inner(scope: Any, receive: Any, send: Any) -> None:
            await app_({**scope, "state": status}, receive, send)

        return await request(inner, headers(gateway))

    assert (await of(500)).headers["durable-retry"] == "?0"
    assert (await of(409)).status == 409


async def test_a_stream_passes_at_once(gateway: ScriptedGateway) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await respond(send, 200, b"a", b"b", b"c", length=False)

    answer = await request(wrapped(gateway, app), headers(gateway))
    assert [message["body"] for message in answer.messages[1:]] == [b"a", b"b", b"c"] and answer.is_whole


async def test_a_stream_that_cannot_go_on_is_cut_off(gateway: ScriptedGateway) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"a", "more_body": True})
        await step.sleep("nap", 9)

    answer = await request(wrapped(gateway, app), headers(gateway))
    assert answer.error is not None and not answer.is_whole


async def test_background_work_does_not_hold_a_response_up(gateway: ScriptedGateway) -> None:
    go = asyncio.Event()
    order: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await respond(send, 200, b"ok")
        order.append("background")
        go.set()

    async def watching(message: Any) -> None:
        order.append(message["type"])

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    await wrapped(gateway, app)({"type": "http", "headers": []}, receive, watching)
    assert order == ["http.response.start", "http.response.body", "background"]


async def test_the_gateways_leaving_cancels_the_handler(gateway: ScriptedGateway) -> None:
    gone, left = asyncio.Event(), []

    async def body() -> None:
        gone.set()
        try:
            await asyncio.Event().wait()
        finally:
            left.append("body")

    async def app(scope: Any, receive: Any, send: Any) -> None:
        step.on_rollback("undo", lambda: pytest.fail("undone"))
        await step.run("slow", body)

    answer = await request(wrapped(gateway, app), headers(gateway, Durable_Final_Attempt="?1"), gone=gone)
    assert left == ["body"] and gateway.calls == [] and answer.messages == [] and answer.error is None


async def test_a_client_that_leaves_a_plain_request_is_the_frameworks_affair(gateway: ScriptedGateway) -> None:
    gone = asyncio.Event()
    gone.set()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        assert (await receive())["type"] == "http.disconnect"
        await respond(send, 200, b"ok")

    assert (await request(wrapped(gateway, app), {}, gone=gone)).status == 200


async def test_another_version_is_refused(gateway: ScriptedGateway) -> None:
    answer = await request(wrapped(gateway, None), headers(gateway, Durable_Protocol="2"))
    assert (answer.status, answer.headers["durable-retry"]) == (500, "?1")


async def test_the_outer_of_two_middlewares_does_it(gateway: ScriptedGateway) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await step.sleep("nap", 9)

    answer = await request(wrapped(gateway, wrapped(gateway, app)), headers(gateway))
    assert answer.status == 202 and len(gateway.calls) == 1


async def test_fastapi(gateway: ScriptedGateway) -> None:
    fastapi = pytest.importorskip("fastapi")
    app = fastapi.FastAPI()
    app.add_middleware(DurableMiddleware, options=options(gateway))
    ran: list[str] = []

    @app.post("/async")
    async def asynchronous(order: dict[str, Any]) -> Any:
        charge = await step.run("charge", lambda: {"id": 1})
        await step.sleep("nap", 9)
        return {"charge": charge}

    @app.post("/sync")
    def synchronous(order: dict[str, Any]) -> Any:
        charge = sync_step.run("charge", lambda: {"id": 1})
        sync_step.on_rollback("undo", ran.append, "undone")
        sync_step.run("pay", lambda: 1 // 0, max_attempts=1)
        return {"charge": charge}

    @app.post("/conflict")
    async def conflict() -> Any:
        raise fastapi.HTTPException(409, "no")

    @app.post("/bug")
    async def bug() -> Any:
        raise ValueError("a bug")

    answer = await request(app, headers(gateway), path="/async")
    assert answer.status == 202 and gateway.said == ["PUT charge completed", "PUT nap sleep"]
    gateway.store("charge", {"id": 1})
    gateway.store("nap", b"", kind="sleep")
    answer = await request(app, headers(gateway), path="/async")
    assert (answer.status, json.loads(answer.body)) == (200, {"charge": {"id": 1}})

    gateway.outcomes.clear()
    assert (await request(app, headers(gateway), path="/sync")).status == 202
    gateway.store("pay", {"title": "x"}, failed=True)
    answer = await request(app, headers(gateway), path="/sync")
    assert answer.headers["durable-retry"] == "?0" and ran == ["undone"]

    gateway.outcomes.clear()
    assert (await request(app, headers(gateway), path="/conflict")).status == 409
    answer = await request(app, headers(gateway), path="/bug")
    assert answer.status == 500 and "durable-retry" not in answer.headers


async def test_starlette_with_a_middleware_that_streams(gateway: ScriptedGateway) -> None:
    pytest.importorskip("starlette")
    from starlette.applications import Starlette
    from starlette.middleware import Middleware
    from starlette.middleware.base import BaseHTTPMiddleware
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    async def endpoint(request: Any) -> Any:
        await request.json()
        return JSONResponse(await asyncio.gather(step.run("a", lambda: 1), step.run("b", lambda: 2)))

    async def dispatch(request: Any, call_next: Any) -> Any:
        return await call_next(request)

    app = Starlette(
        routes=[Route("/", endpoint, methods=["POST"])],
        middleware=[Middleware(DurableMiddleware, options=options(gateway, build="7")), Middleware(BaseHTTPMiddleware, dispatch=dispatch)],
    )
    answer = await request(app, headers(gateway))
    assert (answer.status, json.loads(answer.body), answer.headers["durable-build"]) == (200, [1, 2], '"7"')
