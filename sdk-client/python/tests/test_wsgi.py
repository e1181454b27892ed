"""Behind WSGI: plain, Flask, Django."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from typing import Any, Optional

import pytest

from durable_gateway import NonRetryableError, StepFailedError
from durable_gateway.sync import step
from durable_gateway.wsgi import DurableMiddleware

from .support import ScriptedGateway, headers, options, problem


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes
    error: Optional[BaseException] = None


def request(app: Any, said: dict[str, str], path: str = "/") -> Answer:
    environ: dict[str, Any] = {
        "REQUEST_METHOD": "POST", "PATH_INFO": path, "QUERY_STRING": "", "CONTENT_LENGTH": "2", "CONTENT_TYPE": "application/json",
        "SERVER_NAME": "test", "SERVER_PORT": "80", "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.version": (1, 0), "wsgi.url_scheme": "http", "wsgi.input": io.BytesIO(b"{}"), "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True, "wsgi.multiprocess": False, "wsgi.run_once": False,
    }  # fmt: skip
    environ.update({"HTTP_" + name.upper().replace("-", "_"): value for name, value in said.items()})
    answer = Answer(0, {}, b"")

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        answer.status, answer.headers = int(status[:3]), {name.lower(): value for name, value in headers}
        return lambda chunk: None

    try:
        body = app(environ, start_response)
        try:
            for chunk in body:
                answer.body += chunk
        finally:
            getattr(body, "close", lambda: None)()
    except BaseException as e:
        answer.error = e
    return answer


def wrapped(gateway: ScriptedGateway, app: Any, **more: Any) -> Any:
    return DurableMiddleware(app, options(gateway, **more))


def refuse() -> None:
    raise NonRetryableError("no", client_message="Declined.")


def test_a_response_bears_build_and_mismatch(gateway: ScriptedGateway) -> None:
    gateway.store("gone", 1)

    def app(environ: Any, start_response: Any) -> Any:
        step.run("one", lambda: 1)
        write = start_response("200 OK", [])
        write(b"o")
        return [b"k"]

    answer = request(wrapped(gateway, app, build="7"), headers(gateway))
    assert (answer.status, answer.body, answer.headers) == (200, b"ok", {"durable-build": '"7"', "durable-mismatch": '"gone";unused'})


def test_a_suspended_attempt_is_answered_with_202(gateway: ScriptedGateway) -> None:
    answer = request(wrapped(gateway, lambda environ, start: step.sleep("nap", 9)), headers(gateway))
    assert (answer.status, answer.headers, answer.body) == (202, {"durable-suspended": "?1", "content-length": "0"}, b"")


def test_a_stream_passes_as_it_is_made_and_its_steps_are_the_requests(gateway: ScriptedGateway) -> None:
    closed: list[bool] = []

    class Body:
        def __iter__(self) -> Any:
            yield b"a"
            yield str(step.run("one", lambda: 1)).encode()

        def close(self) -> None:
            closed.append(True)

    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [])
        return Body()

    assert request(wrapped(gateway, app), headers(gateway)).body == b"a1" and closed == [True] and gateway.said == ["PUT one completed"]


def test_a_stream_that_cannot_go_on_is_cut_off(gateway: ScriptedGateway) -> None:
    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [])
        yield b"a"
        step.sleep("nap", 9)

    answer = request(wrapped(gateway, app), headers(gateway))
    assert answer.body == b"a" and answer.error is not None


def test_an_exception_is_the_servers(gateway: ScriptedGateway) -> None:
    def app(environ: Any, start_response: Any) -> Any:
        raise ValueError("a bug")

    assert isinstance(request(wrapped(gateway, app), headers(gateway)).error, ValueError)


def test_another_version_is_refused(gateway: ScriptedGateway) -> None:
    assert request(wrapped(gateway, None), headers(gateway, Durable_Protocol="2")).headers["durable-retry"] == "?1"


def test_flask(gateway: ScriptedGateway) -> None:
    flask = pytest.importorskip("flask")
    from durable_gateway.flask import Durable

    app = flask.Flask(__name__)
    Durable(app, options(gateway, build="7"))
    undone: list[int] = []

    @app.post("/checkout")
    def checkout() -> Any:
        charge = step.run("charge", lambda: {"id": 1})
        step.sleep("nap", 9)
        return {"charge": charge, "order": flask.request.get_json()}

    @app.post("/pay")
    def pay() -> Any:
        step.on_rollback("undo", undone.append, 1)
        step.run("pay", refuse)

    @app.post("/bug")
    def bug() -> Any:
        step.on_rollback("undo", undone.append, 2)
        raise ValueError("a bug")

    @app.post("/conflict")
    def conflict() -> Any:
        raise KeyError("known")

    @app.errorhandler(KeyError)
    def known(e: Any) -> Any:
        return {"known": True}, 409

    answer = request(app, headers(gateway), "/checkout")
    assert (answer.status, answer.headers["durable-build"]) == (202, '"7"')
    gateway.store("charge", {"id": 1})
    gateway.store("nap", b"", kind="sleep")
    answer = request(app, headers(gateway), "/checkout")
    assert (answer.status, json.loads(answer.body)) == (200, {"charge": {"id": 1}, "order": {}})

    gateway.outcomes.clear()
    answer = request(app, headers(gateway), "/pay")
    assert answer.headers["durable-retry"] == "?0" and json.loads(answer.body)["detail"] == "Declined." and undone == [1]
    answer = request(app, headers(gateway), "/bug")
    assert answer.status == 500 and "durable-retry" not in answer.headers and undone == [1]
    answer = request(app, headers(gateway, Durable_Final_Attempt="?1"), "/bug")
    assert answer.headers["durable-retry"] == "?0" and undone == [1, 2]
    assert request(app, headers(gateway, Durable_Final_Attempt="?1"), "/conflict").status == 409

    # In debug mode and in tests Flask lets exceptions pass.
    app.testing = True
    assert request(app, headers(gateway), "/pay").headers["durable-retry"] == "?0"
    with pytest.raises(ValueError):
        app.test_client().post("/bug", headers=headers(gateway))


@pytest.fixture(scope="module")
def django_views() -> dict[str, Any]:
    django = pytest.importorskip("django")
    from django.conf import settings

    views: dict[str, Any] = {}
    if not settings.configured:
        settings.configure(
            ROOT_URLCONF=[],
            MIDDLEWARE=["durable_gateway.django.DurableMiddleware"],
            ALLOWED_HOSTS=["*"],
            SECRET_KEY="x",
            LOGGING_CONFIG=None,
            USE_TZ=True,
            DURABLE_GATEWAY={"build": "7", "suspend_after": 0.05},
        )
        django.setup()
    return views


def _django(views: dict[str, Any], gateway: ScriptedGateway, monkeypatch: pytest.MonkeyPatch, kind: str) -> Any:
    import types

    from django.conf import settings
    from django.core.handlers.asgi import ASGIHandler
    from django.core.handlers.wsgi import WSGIHandler
    from django.urls import path

    urls = types.ModuleType("urls")
    urls.urlpatterns = [path(name, view) for name, view in views.items()]  # type: ignore[attr-defined]
    monkeypatch.setattr(settings, "ROOT_URLCONF", urls)
    monkeypatch.setattr(settings, "DURABLE_GATEWAY", {"build": "7", "suspend_after": 0.05, "transport": gateway})
    return WSGIHandler() if kind == "wsgi" else ASGIHandler()


def test_django(gateway: ScriptedGateway, django_views: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from django.http import Http404, JsonResponse, StreamingHttpResponse

    undone: list[int] = []

    def checkout(request: Any) -> Any:
        charge = step.run("charge", lambda: {"id": 1})
        step.sleep("nap", 9)
        return JsonResponse({"charge": charge})

    def pay(request: Any) -> Any:
        step.on_rollback("undo", undone.append, 1)
        step.run("pay", refuse)

    def bug(request: Any) -> Any:
        step.on_rollback("undo", undone.append, 2)
        raise ValueError("a bug")

    def missing(request: Any) -> Any:
        raise Http404

    def stream(request: Any) -> Any:
        return StreamingHttpResponse(str(step.run(f"s{i}", lambda: i)) for i in range(2))

    def caught(request: Any) -> Any:
        try:
            step.run("pay", refuse)
        except StepFailedError:
            return JsonResponse({}, status=409)

    app = _django(
        {"checkout": checkout, "pay": pay, "bug": bug, "missing": missing, "stream": stream, "caught": caught}, gateway, monkeypatch, "wsgi"
    )
    answer = request(app, headers(gateway), "/checkout")
    assert (answer.status, answer.headers["durable-build"]) == (202, '"7"')
    gateway.store("charge", {"id": 1})
    gateway.store("nap", b"", kind="sleep")
    answer = request(app, headers(gateway), "/checkout")
    assert (answer.status, json.loads(answer.body), answer.headers["durable-build"]) == (200, {"charge": {"id": 1}}, '"7"')

    gateway.outcomes.clear()
    answer = request(app, headers(gateway), "/pay")
    assert answer.headers["durable-retry"] == "?0" and json.loads(answer.body)["detail"] == "Declined." and undone == [1]
    answer = request(app, headers(gateway), "/bug")
    assert answer.status == 500 and "durable-retry" not in answer.headers and undone == [1]
    answer = request(app, headers(gateway, Durable_Final_Attempt="?1"), "/bug")
    assert answer.headers["durable-retry"] == "?0" and undone == [1, 2]
    assert request(app, headers(gateway, Durable_Final_Attempt="?1"), "/missing").status == 404
    assert request(app, headers(gateway), "/caught").status == 409
    assert request(app, headers(gateway), "/stream").body == b"01"

    gateway.answer("charge", problem("record-unreadable", 502))
    assert request(app, headers(gateway), "/checkout").headers["durable-retry"] == "?1"


async def test_django_with_asynchronous_views(gateway: ScriptedGateway, django_views: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from django.http import JsonResponse

    from durable_gateway import step as async_step

    from .test_asgi import request as asgi_request

    async def checkout(request: Any) -> Any:
        charge = await async_step.run("charge", lambda: {"id": 1})
        await async_step.sleep("nap", 9)
        return JsonResponse({"charge": charge})

    async def pay(request: Any) -> Any:
        await async_step.run("pay", refuse)

    def synchronous(request: Any) -> Any:
        return JsonResponse({"charge": step.run("charge", lambda: {"id": 2})})

    app = _django({"checkout": checkout, "pay": pay, "sync": synchronous}, gateway, monkeypatch, "asgi")
    answer = await asgi_request(app, headers(gateway), path="/checkout")
    assert (answer.status, answer.headers["durable-suspended"]) == (202, "?1")
    answer = await asgi_request(app, headers(gateway), path="/pay")
    assert answer.headers["durable-retry"] == "?0"
    answer = await asgi_request(app, headers(gateway), path="/sync")
    assert (answer.status, json.loads(answer.body)) == (200, {"charge": {"id": 2}})
    gateway.store("charge", {"id": 1})
    gateway.store("nap", b"", kind="sleep")
    answer = await asgi_request(app, headers(gateway), path="/checkout")
    assert (answer.status, json.loads(answer.body)) == (200, {"charge": {"id": 1}})
