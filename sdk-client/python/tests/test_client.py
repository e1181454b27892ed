"""The client's side, against a gateway that misbehaves."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from durable_gateway import sync
from durable_gateway.client import Progress, ResultPendingError, durable_fetch, resume

from .scripted_server import ScriptedServer, reply

RESULT = "/_durable/v1/results/01a2?token=t"
OK = reply(200, b'{"ok":true}', Content_Type="application/json", Durable_Status="completed")
ELSEWHERE = reply(303, Location=RESULT, Retry_After="1", Durable_Run_Id="01a2")


def gateways(status: int, name: str, **headers: str) -> bytes:
    body = json.dumps({"type": f"/_durable/problems/{name}", "source": "gateway"}).encode()
    return reply(status, body, Content_Type="application/problem+json", **headers)


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    from durable_gateway import _io

    paused: list[float] = []

    async def sleep(self: Any, seconds: float) -> None:
        paused.append(seconds)

    monkeypatch.setattr(_io.LoopIo, "sleep", sleep)
    monkeypatch.setattr(_io.ThreadIo, "sleep", sleep)
    return paused


async def test_a_plain_answer_is_the_answer() -> None:
    with ScriptedServer([reply(201, b"made", X_A="1")]) as server:
        response = await durable_fetch(server.url + "/orders?x=1", json={"a": 1}, headers={"X-B": "2"})
    assert (response.status, response.text, response.headers["x-a"]) == (201, "made", "1")
    sent = server.received[0]
    assert (sent.method, sent.target, sent.body, sent.headers["x-b"], sent.headers["content-type"]) == (
        "POST", "/orders?x=1", b'{"a": 1}', "2", "application/json",
    )  # fmt: skip
    assert sent.headers["idempotency-key"].startswith('"')


async def test_the_redirect_is_followed_as_long_as_it_takes() -> None:
    hops = [reply(303, Location=f"{RESULT}&hop={i}") for i in range(40)]
    accepted: list[str] = []
    with ScriptedServer([ELSEWHERE, *hops, OK]) as server:
        response = await durable_fetch(
            server.url + "/orders", body=b"x", headers={"Authorization": "Bearer b"}, on_accepted=accepted.append
        )
    assert response.json() == {"ok": True} and accepted == [server.url + RESULT]
    follow = server.received[1]
    assert (follow.method, follow.body, follow.headers["authorization"]) == (
        "GET",
        b"",
        "Bearer b",
    ) and "idempotency-key" not in follow.headers


async def test_a_202_of_the_gateway_is_asked_again_and_one_of_the_service_is_the_answer(no_pauses: list[float]) -> None:
    with ScriptedServer([ELSEWHERE, reply(202, Durable_Status="waiting", Retry_After="7"), OK]) as server:
        assert (await durable_fetch(server.url + "/", body=b"x")).status == 200
    assert no_pauses and no_pauses[0] >= 7
    with ScriptedServer([reply(202, b"later")]) as server:
        assert (await durable_fetch(server.url + "/", body=b"x")).body == b"later"


async def test_respond_async() -> None:
    with ScriptedServer([reply(202, Location=RESULT, Preference_Applied="respond-async", Durable_Run_Id="01a2"), OK]) as server:
        response = await durable_fetch(server.url + "/", body=b"x", headers={"Prefer": "respond-async"})
    assert response.status == 200 and "prefer" not in server.received[1].headers


async def test_a_lost_connection_is_the_same_request_again() -> None:
    with ScriptedServer([b"", b"", ELSEWHERE, b"", OK]) as server:
        assert (await durable_fetch(server.url + "/", body=b"x")).status == 200
    keys = [received.headers.get("idempotency-key") for received in server.received]
    assert keys[0] == keys[1] == keys[2] is not None and keys[3:] == [None, None]


async def test_a_response_that_is_cut_off_is_read_at_the_result_url() -> None:
    cut = f"HTTP/1.1 200 OK\r\nContent-Length: 100\r\nDurable-Result: {RESULT}\r\n\r\nhalf".encode()
    with ScriptedServer([cut, OK]) as server:
        assert (await durable_fetch(server.url + "/", body=b"x")).json() == {"ok": True}
    assert server.received[1].target == RESULT


async def test_a_run_that_is_not_known_after_all_is_begun_with_the_same_key() -> None:
    unsure = gateways(503, "store-unavailable", Durable_Result=RESULT)
    with ScriptedServer([unsure, gateways(404, "result-unknown"), OK]) as server:
        assert (await durable_fetch(server.url + "/", body=b"x")).status == 200
    assert [received.method for received in server.received] == ["POST", "GET", "POST"]
    assert server.received[0].headers["idempotency-key"] == server.received[2].headers["idempotency-key"]


async def test_a_503_of_the_gateway_is_tried_again_and_one_of_the_service_is_the_answer() -> None:
    with ScriptedServer([gateways(503, "store-full", Retry_After="10"), OK]) as server:
        assert (await durable_fetch(server.url + "/", body=b"x")).status == 200
    with ScriptedServer([reply(503, b"down")]) as server:
        assert (await durable_fetch(server.url + "/", body=b"x")).status == 503


async def test_a_get_has_no_key() -> None:
    with ScriptedServer([reply(302, Location="/moved"), OK]) as server:
        assert (await durable_fetch(server.url + "/")).status == 200
    assert [received.target for received in server.received] == ["/", "/moved"] and "idempotency-key" not in server.received[0].headers


async def test_a_307_keeps_method_and_body() -> None:
    with ScriptedServer([reply(307, Location="/moved"), OK]) as server:
        await durable_fetch(server.url + "/", body=b"x")
    assert (server.received[1].method, server.received[1].body) == ("POST", b"x")


async def test_credentials_are_not_given_to_another_origin() -> None:
    with ScriptedServer([OK]) as other:
        with ScriptedServer([reply(302, Location=other.url + "/x")]) as server:
            await durable_fetch(server.url + "/", headers={"Authorization": "Bearer b", "X-A": "1"})
    assert "authorization" not in other.received[0].headers and other.received[0].headers["x-a"] == "1"


HISTORY = (
    b'id: h1\nevent: attempt\ndata: {"attempt":1,"time":"2026-11-23T08:00:01Z"}\n\n: quiet\n\n'
    b'id: h2\nevent: step\ndata: {"attempt":1,"step":"charge","state":"completed","time":"2026-11-23T08:00:01.5+00:00"}\n\n'
)
END = b'id: h-end\nevent: result\ndata: {"status":201,"headers":[["X-A","1"]],"body":"AAE=","encoding":"base64"}\n\n'


def events(content: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n" + b"%x\r\n%s\r\n" % (
        len(content),
        content,
    )


async def test_progress_goes_on_after_a_lost_connection() -> None:
    seen: list[Progress] = []
    with ScriptedServer([ELSEWHERE, events(HISTORY), events(END)]) as server:
        response = await durable_fetch(server.url + "/", body=b"x", on_progress=seen.append)
    assert (response.status, response.body, response.headers["x-a"]) == (201, b"\x00\x01", "1")
    assert [(each.event, each.step, each.state) for each in seen] == [("attempt", None, None), ("step", "charge", "completed")]
    assert server.received[1].headers["accept"] == "text/event-stream" and server.received[2].headers["last-event-id"] == "h2"


async def test_the_result_may_be_no_history() -> None:
    with ScriptedServer([ELSEWHERE, OK]) as server:
        assert (await durable_fetch(server.url + "/", body=b"x", on_progress=lambda progress: pytest.fail(str(progress)))).json() == {
            "ok": True
        }
    with ScriptedServer(
        [ELSEWHERE, events(b"data: part 1\n\n"), reply(200, b"data: part 1\n\n", Content_Type="text/event-stream")]
    ) as server:
        assert (
            await durable_fetch(server.url + "/", body=b"x", on_progress=lambda progress: pytest.fail(str(progress)))
        ).body == b"data: part 1\n\n"


async def test_a_result_url_is_kept_for_another_process() -> None:
    kept: dict[str, str] = {}
    with ScriptedServer([ELSEWHERE, lambda received: b""]) as server:
        with pytest.raises(ResultPendingError) as raised:
            await durable_fetch(server.url + "/", body=b"x", store=kept, store_key="order-1")
        assert kept == {"order-1": server.url + RESULT} and raised.value.result_url == server.url + RESULT
        server.replies[:] = [OK]
        assert (await durable_fetch(server.url + "/", body=b"x", store=kept, store_key="order-1")).status == 200
        assert kept == {} and server.received[-1].method == "GET"
        assert (await resume(server.url + RESULT)).status == 200


async def test_a_time_out_leaves_the_run_and_says_where_it_is() -> None:
    with ScriptedServer([ELSEWHERE, reply(202, Durable_Status="running")]) as server:
        with pytest.raises(TimeoutError) as raised:
            await durable_fetch(server.url + "/", body=b"x", timeout=0.2)
    assert isinstance(raised.value, ResultPendingError) and raised.value.result_url == server.url + RESULT


async def test_it_can_be_cancelled() -> None:
    arrived = asyncio.Event()
    loop = asyncio.get_running_loop()

    def silent(received: Any) -> bytes:
        loop.call_soon_threadsafe(arrived.set)
        return reply(202, Durable_Status="running")

    with ScriptedServer([ELSEWHERE, silent]) as server:
        running = asyncio.ensure_future(durable_fetch(server.url + "/", body=b"x"))
        await arrived.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running


def test_the_synchronous_twin() -> None:
    seen: list[Progress] = []
    with ScriptedServer([b"", ELSEWHERE, events(HISTORY + END)]) as server:
        response = sync.durable_fetch(server.url + "/", json={}, on_progress=seen.append)
        assert response.status == 201 and len(seen) == 2
