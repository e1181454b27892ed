"""What hands a run on with calls through the egress listener, and marks those of steps."""

from __future__ import annotations

import urllib.request
from typing import Any, Callable

import pytest

import durable_gateway
import durable_gateway.sync
from durable_gateway import EgressRedirectHandler, egress_headers, egress_open

from .scripted_server import Received, ScriptedServer, reply
from .support import ScriptedGateway, attempt, attempt_sync, headers

SAID = headers(Durable_Egress_Token="e.t")


def test_a_call_of_the_handler_bears_the_token_and_one_of_a_step_is_marked(gateway: ScriptedGateway) -> None:
    said: list[dict[str, str]] = []

    def handler() -> None:
        said.append(egress_headers())
        durable_gateway.sync.step.run("pay", lambda: said.append(egress_headers()))
        said.append(egress_headers())

    assert attempt_sync(gateway, handler, SAID).is_completed
    token = {"Durable-Egress-Token": "e.t"}
    assert said == [token, {**token, "Durable-In-Step": "?1"}, token]


def test_the_token_reaches_the_listener(gateway: ScriptedGateway) -> None:
    with ScriptedServer([reply(200, b"1")]) as server:
        egress, body = server.url, b"1"

        def handler() -> None:
            charge = urllib.request.Request(f"{egress}/payments/charges", data=body)
            egress_open(charge, timeout=5).close()
            assert not charge.headers
            egress_open(f"{egress}/payments/rate").close()

        assert attempt_sync(gateway, handler, SAID).is_completed
        for received in server.received:
            assert received.headers["durable-egress-token"] == "e.t" and "durable-in-step" not in received.headers
        assert [(received.method, received.body) for received in server.received] == [("POST", b"1"), ("GET", b"")]


def _open(url: str) -> None:
    egress_open(urllib.request.Request(url, headers={"Authorization": "own", "X-Own": "own"})).close()


def _open_by_an_opener(url: str) -> None:
    headers_of_call = {**egress_headers(), "Authorization": "own", "X-Own": "own"}
    opener = urllib.request.build_opener(EgressRedirectHandler())
    opener.open(urllib.request.Request(url, headers=headers_of_call), timeout=5).close()


def _fetch(url: str) -> None:
    headers_of_call = {**egress_headers(), "Durable-In-Step": "?1", "Authorization": "own", "X-Own": "own"}
    durable_gateway.sync.step.fetch("a", url, headers=headers_of_call)


@pytest.mark.parametrize("call", [_open, _open_by_an_opener, _fetch])
def test_a_redirect_takes_the_headers_to_the_same_origin_and_to_no_other(gateway: ScriptedGateway, call: Callable[[str], Any]) -> None:
    """Any service that is called could otherwise collect the token by a redirect to itself."""

    def said(server: ScriptedServer) -> list[tuple[str, ...]]:
        names = ("durable-egress-token", "durable-in-step", "authorization", "x-own")
        return [(received.target, *(received.headers.get(name, "") for name in names)) for received in server.received]

    def handler() -> None:
        if call is _fetch:
            call(near.url + "/first")
        else:
            durable_gateway.sync.step.run("pay", call, near.url + "/first")

    with ScriptedServer([]) as near, ScriptedServer([]) as far:
        near.replies += [reply(302, Location="/second"), reply(302, Location=far.url + "/third"), reply(200)]
        far.replies += [reply(302, Location=near.url + "/fourth")]
        assert attempt_sync(gateway, handler, SAID).is_completed
        # Once dropped, they do not come back.
        assert said(near) == [("/first", "e.t", "?1", "own", "own"), ("/second", "e.t", "?1", "own", "own"), ("/fourth", "", "", "", "own")]
        assert said(far) == [("/third", "", "", "", "own")]


async def test_coroutines_are_marked_likewise(gateway: ScriptedGateway) -> None:
    said: list[dict[str, str]] = []

    async def pay() -> None:
        said.append(egress_headers())

    async def handler() -> None:
        await durable_gateway.step.run("pay", pay)
        said.append(egress_headers())

    assert (await attempt(gateway, handler, SAID)).is_completed
    assert [sorted(one) for one in said] == [["Durable-Egress-Token", "Durable-In-Step"], ["Durable-Egress-Token"]]


def test_there_are_none_where_there_is_no_listener(gateway: ScriptedGateway) -> None:
    said = [egress_headers()]
    assert attempt_sync(gateway, lambda: said.append(egress_headers())).is_completed
    assert said == [{}, {}]


@pytest.mark.parametrize(("headers_of_attempt", "mark"), [(SAID, "?1"), (headers(), None)])
async def test_fetch_marks_its_call_if_there_is_a_listener(gateway: ScriptedGateway, headers_of_attempt: dict[str, str], mark: str) -> None:
    def marks(received: Received) -> tuple[object, ...]:
        given = {name.lower(): value for name, value in received.headers.items()}
        return given.get("durable-in-step"), given.get("durable-egress-token"), given.get("x-own")

    with ScriptedServer([reply(200, b"1")]) as server:

        async def handler() -> None:
            await durable_gateway.step.fetch("a", server.url, headers={"X-Own": "1"})
            await durable_gateway.step.fetch("b", urllib.request.Request(server.url, headers={"X-Own": "2"}))

        assert (await attempt(gateway, handler, headers_of_attempt)).is_completed
        assert [marks(received) for received in server.received] == [(mark, None, "1"), (mark, None, "2")]
