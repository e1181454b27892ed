"""The examples work, and the README shows nothing else."""

from __future__ import annotations

import json
import re
import threading
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from durable_gateway import StepFailedError
from durable_gateway.testing import TestRun
from examples import handlers
from examples.shop import Charge, Order, Payment, shop

from .scripted_server import ScriptedServer, reply
from .support import ScriptedGateway, headers

ROOT = Path(__file__).parent.parent


@pytest.fixture(autouse=True)
def calls() -> list[str]:
    shop.made.clear()
    shop.failing = None
    return shop.made


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def test_the_readme_shows_what_is_tested() -> None:
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.S)
    sources = ["\n".join(_lines(file.read_text("utf-8"))) for folder in ("examples", "tests") for file in (ROOT / folder).glob("*.py")]
    assert len(blocks) > 15
    for block in blocks:
        assert any("\n".join(_lines(block)) in source for source in sources), f"No example has:\n{block}"


async def test_check_out() -> None:
    run = TestRun()
    run.complete("paid", Payment("o-1", 9))  # the event, callback or response that the step gets

    result = await run.run(handlers.check_out, Order("o-1"))

    assert result == "shipped o-1 for 9"
    assert run.steps == ["hold", "paid", "cool-down", "tell"]


async def test_check_out_when_nobody_pays() -> None:
    run = TestRun()
    run.time_out("paid")
    assert await run.run(handlers.check_out, Order("o-1")) == "Nobody has paid."


async def test_a_handler_that_waits_for_what_the_test_has_not_said() -> None:
    with pytest.raises(RuntimeError, match="waits for 'paid'"):
        await TestRun().run(handlers.check_out, Order("o-1"))


async def test_a_failed_try_is_made_again_and_then_compensated(calls: list[str]) -> None:
    shop.failing = ValueError("no such street")
    run = TestRun(max_attempts=2)
    assert await run.run(handlers.compensating, Order("o-1")) == "We cannot ship there."
    assert calls == ["charge o-1", "label o-1", "label o-1", "refund 1"] and run.attempts == 2


async def test_undoing(calls: list[str]) -> None:
    with pytest.raises(StepFailedError) as raised:
        await TestRun().run(handlers.undoing)
    assert raised.value.problem.client_message == "Your card was declined." and calls[-2:] == ["cancel HOTEL", "cancel FLIGHT"]


async def test_the_others() -> None:
    assert await TestRun().run(handlers.declared, Order("o-1")) == Charge(1, 9)
    assert await TestRun().run(handlers.in_parallel) == ["FLIGHT", "HOTEL"]
    assert await TestRun().run(handlers.optioned, Order("o-1"), Charge(1, 9)) == "T-1"
    assert await TestRun().run(handlers.at_most_once, Order("o-1")) == 1
    run = TestRun()
    assert await run.run(handlers.pay, Payment("o-1", 9)) == {"woken": 0} and run.sent_events[0]["data"]["amount"] == 9
    assert await TestRun().run(handlers.patient, Order("o-1")) == "Nobody has paid."
    run = TestRun()
    run.complete("paid")
    assert await run.run(handlers.patient, Order("o-1")) == "paid"


async def test_a_model() -> None:
    assert await TestRun().run(handlers.summing_up, "much") == "Sum up:"


def test_polling() -> None:
    assert TestRun().run_sync(handlers.polling, "j-1") is True


def test_the_synchronous_one() -> None:
    assert TestRun().run_sync(handlers.in_threads) == ["F", "H"]


async def test_what_waits_for_others(calls: list[str]) -> None:
    run = TestRun()
    run.complete("approve", {"approved": True})
    assert await run.run(handlers.approving, Order("o-1")) == "approved"
    run = TestRun()
    assert (await run.attempt(lambda: handlers.approving(Order("o-1")))).is_suspended
    assert run.pending == ["approve"] and calls == ["mail boss@example.com"]
    run = TestRun()
    run.complete("bill", {"number": 7})
    assert await run.run(handlers.billing, Order("o-1")) == {"number": 7}


async def test_fetching() -> None:
    with ScriptedServer([reply(200, b"1.08")]) as server:
        assert await TestRun().run(handlers.fetching, server.url) == 1.08


async def test_the_fastapi_application() -> None:
    pytest.importorskip("fastapi")
    from examples.fastapi_app import app

    from .test_asgi import request

    answer = await request(app, {}, body=b'{"id":"o-1"}', path="/checkout")
    assert json.loads(answer.body) == {"charge": 1, "tracking": "T-1"}


def test_the_flask_application() -> None:
    pytest.importorskip("flask")
    from examples.flask_app import app

    assert app.test_client().post("/checkout", json={}).json == {"charge": 1}


async def test_the_streaming_application() -> None:
    pytest.importorskip("starlette")
    from examples.streaming import app

    from .test_asgi import request

    async def get(scope: Any, receive: Any, send: Any) -> None:
        await app({**scope, "method": "GET"}, receive, send)

    answer = await request(get, {"Last-Event-ID": "8"}, path="/progress")
    assert answer.body == b"id: 9\ndata: part 9\n\nid: 10\ndata: part 10\n\n" and answer.headers["durable-stream"] == "resume"


def test_a_host_of_ones_own(gateway: ScriptedGateway) -> None:
    from durable_gateway import HttpRequest, HttpTransport
    from examples.other_host import Handler

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    transport = HttpTransport()
    try:
        url = f"http://127.0.0.1:{server.server_port}/"
        assert transport.send(HttpRequest("POST", url, [], b"four"), 10).body == b"4"
        wrong = list(headers(Durable_Protocol="9").items())
        assert transport.send(HttpRequest("POST", url, wrong, b"four"), 10).header("Durable-Retry") == "?1"
    finally:
        transport.close()
        server.shutdown()
        server.server_close()
        thread.join(10)


async def test_the_clients(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from examples.clients import order, order_once

    with ScriptedServer([reply(200, b"{}")]) as server:
        assert await order(server.url) == {} and await order_once(server.url, str(tmp_path / "kept")) == {}
