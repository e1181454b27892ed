"""Calls of the standard library's HTTP client, and what ``fetch`` makes of responses."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from durable_gateway import FailedResponseError, HttpRequest, HttpTransport, Response, StepUsageError, step
from durable_gateway._response import ResponseContent, retry_after
from durable_gateway.sync import step as sync_step

from .scripted_server import ScriptedServer, reply
from .support import ScriptedGateway, attempt, attempt_sync


def test_connections_are_kept_and_their_end_is_noticed() -> None:
    with ScriptedServer([reply(200, b"a"), reply(200, b"b")]) as server:
        transport = HttpTransport()
        for _ in range(3):
            assert transport.send(HttpRequest("GET", server.url + "/x"), 5).status == 200
        assert server.connections == 1
        transport.close()
        transport.send(HttpRequest("GET", server.url + "/x"), 5)
        assert server.connections == 2


def test_a_target_is_sent_as_it_is_written() -> None:
    with ScriptedServer([reply(201)]) as server:
        HttpTransport().send(HttpRequest("PUT", server.url + "/steps/a%2Fb%25?x=%C3%A4", [("X", "1")], b"body"), 5)
    (received,) = server.received
    assert (received.target, received.body, received.headers["x"]) == ("/steps/a%2Fb%25?x=%C3%A4", b"body", "1")


def test_no_answer_in_time_is_an_error() -> None:
    import threading

    go = threading.Event()

    def silent(received: Any) -> bytes:
        go.wait(5)
        return b""

    with ScriptedServer([silent]) as server:
        with pytest.raises(OSError):
            HttpTransport().send(HttpRequest("GET", server.url), 0.05)
    go.set()


def test_calls_at_the_same_time_have_connections_of_their_own() -> None:
    with ScriptedServer([reply(200)]) as server:
        transport = HttpTransport(max_idle=2)
        with ThreadPoolExecutor(8) as threads:
            assert all(r.status == 200 for r in threads.map(lambda _: transport.send(HttpRequest("GET", server.url), 5), range(50)))
        assert len(transport._idle[("http", server.url[7:])]) <= 2
        transport.close()


async def test_fetching_keeps_the_response(gateway: ScriptedGateway) -> None:
    with ScriptedServer([reply(404, b"\x00no", X_A="1", Set_Cookie="a=b")]) as server:
        results: list[Response] = []

        async def handler() -> None:
            results.append(await step.fetch("rate", server.url + "/x", method="PUT", json={"a": 1}, headers={"X-B": "2"}))

        await attempt(gateway, handler)
        gateway.store("rate", gateway.calls[0].body, content_type=gateway.calls[0].headers["Content-Type"])
        await attempt(gateway, handler)
    assert gateway.calls[0].headers["Content-Type"] == "application/vnd.durable.http-response+json"
    for response in results:
        assert (response.status, response.body, response.headers["x-a"], response.ok) == (404, b"\x00no", "1", False)
    assert len(server.received) == 1 and server.received[0].headers["x-b"] == "2"


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_fetching_fails_by_status_and_keeps_to_retry_after(gateway: ScriptedGateway, status: int) -> None:
    with ScriptedServer([reply(status, Retry_After="7")]) as server:
        assert attempt_sync(gateway, lambda: sync_step.fetch("rate", server.url + "/secret?x")).is_suspended
    assert gateway.calls[0].headers["Retry-After"] == "7" and b"secret" not in gateway.calls[0].body


def test_no_answer_is_a_failed_try(gateway: ScriptedGateway) -> None:
    with ScriptedServer([b""]) as server:
        assert attempt_sync(gateway, lambda: sync_step.fetch("rate", server.url)).is_suspended


async def test_responses_of_other_libraries(gateway: ScriptedGateway) -> None:
    class Requests:
        status_code, reason, url, content = 200, "OK", "https://h/x", b"decoded"
        headers = {"Content-Encoding": "gzip", "Content-Length": "3", "X-A": "1"}

    class Aiohttp:
        status, reason, headers = 201, "Created", {"X-A": "2"}

        async def read(self) -> bytes:
            return b"later"

    class Urllib(io.BytesIO):
        status, reason, headers = 202, "Accepted", {"X-A": "3"}

    async def httpx() -> Any:
        module = pytest.importorskip("httpx")
        return module.Response(203, headers=[("a", "1"), ("a", "2")], content=b"httpx")

    async def aiohttp() -> Any:
        return Aiohttp()

    async def handler() -> None:
        first = await step.fetch("requests", Requests)
        assert (first.status, first.body, dict(first.headers)) == (200, b"decoded", {"x-a": "1"})
        assert (await step.fetch("aiohttp", aiohttp)).body == b"later"
        assert (await step.fetch("urllib", lambda: Urllib(b"now"))).body == b"now"
        assert (await step.fetch("httpx", httpx)).headers.get_list("a") == ["1", "2"]
        with pytest.raises(StepUsageError, match="instead of a response"):
            await step.fetch("none", lambda: 5)

    await attempt(gateway, handler)


def test_retry_after_in_both_forms() -> None:
    assert retry_after("1.5") == 1.5 and retry_after("soon") is None and retry_after(None) is None
    assert retry_after("Sun, 06 Nov 1994 08:49:37 GMT") == 0.0
    later = retry_after("Sun, 06 Nov 2994 08:49:37 GMT")
    assert later is not None and later > 1e9


def test_a_failed_response_says_who_and_not_what() -> None:
    with pytest.raises(FailedResponseError, match=r"^h:1 answered 503 \(Busy\)\.$"):
        ResponseContent("x").receive(Response(503, [], b"", reason="Busy", url="https://user:pw@h:1/secret?x"))
