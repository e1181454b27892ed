"""A client, the real gateway, a real service with the SDK: both twins."""

from __future__ import annotations

import asyncio
import collections
import json
import urllib.request
from pathlib import Path
from typing import Any, Iterator, Union

import pytest

from durable_gateway import DurableOptions, NonRetryableError, RetryAfterError, StepFailedError, step, sync
from durable_gateway.asgi import DurableMiddleware as AsgiMiddleware
from durable_gateway.client import Progress, durable_fetch
from durable_gateway.wsgi import DurableMiddleware as WsgiMiddleware

from .real_gateway import AsgiService, RealGateway, WsgiService, program, until

executed: collections.Counter[str] = collections.Counter()
urls: dict[str, str] = {}
OPTIONS = DurableOptions(build="7", suspend_after=0.1)


def count(name: str) -> int:
    executed[name] += 1
    return executed[name]


def flaky(name: str) -> str:
    if count(name) < 3:
        raise RetryAfterError(0, "busy")
    return "12A"


def refuse() -> None:
    raise NonRetryableError("no", client_message="Declined.")


async def journey(order: str) -> Any:
    """The asynchronous service."""
    charge = await step.run(f"charge {order}", count, f"charge {order}")
    seat = await step.run("größe/1", flaky, f"seat {order}")
    await step.sleep("nap", 0.05)
    both = await asyncio.gather(step.run("a", count, f"a {order}"), step.run("b", flaky, f"b {order}"))
    raw = await step.run("raw", lambda: bytes(range(256)) * 64)
    return {"charge": charge, "seat": seat, "both": both, "raw": len(raw), "attempt": step.info.attempt}


async def waiting(order: str) -> Any:
    callback = asyncio.ensure_future(step.wait_for_callback("signed", lambda url: urls.__setitem__(order, url), timeout=60))
    event = await step.wait_for_event("paid", "order.paid", key=order, timeout=60)
    return {"event": event, "callback": await callback}


async def paying(order: str) -> Any:
    return {"woken": await step.send_event("tell", "order.paid", key=order, data={"amount": 9})}


async def invoking(order: str) -> Any:
    return {"inner": await step.invoke("inner", f"/wsgi/journey/{order}-inner", {"x": 1})}


async def undoing(order: str) -> Any:
    await step.run("flight", count, f"flight {order}")
    step.on_rollback("cancel flight", count, f"cancel {order}")
    await step.run("pay", refuse)


async def many(order: str) -> Any:
    return sum([await step.run("n", lambda: 1) for _ in range(200)]) + await step.run("last", flaky_number, order)


def flaky_number(order: str) -> int:
    flaky(f"last {order}")
    return 1


async def summing_up(order: str) -> Any:
    async def generate(*, model: str, prompt: str) -> Any:
        return {"text": "short", "usage": {"input_tokens": 10, "output_tokens": 2}}

    answer = await step.ai.wrap("summary", generate, model="m-1", prompt=f"Sum up {order}")
    return {"run": step.info.id, "text": answer["text"]}


ASYNC = {
    "summary": summing_up,
    "journey": journey,
    "waiting": waiting,
    "paying": paying,
    "invoking": invoking,
    "undoing": undoing,
    "many": many,
}


async def asgi(scope: Any, receive: Any, send: Any) -> None:
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    name, order = scope["path"].split("/")[2:4]
    content = json.dumps(await ASYNC[name](order)).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", str(len(content)).encode())]})
    await send({"type": "http.response.body", "body": content})


def sync_journey(order: str) -> Any:
    """The synchronous service."""
    charge = sync.step.run("charge", count, f"charge {order}")
    sync.step.sleep("nap", 0.05)
    both = sync.step.parallel(
        lambda: sync.step.run("a", count, f"a {order}"),
        lambda: sync.step.run("b", flaky, f"b {order}"),
    )
    return {"charge": charge, "both": both, "attempt": sync.step.info.attempt}


def sync_caught(order: str) -> Any:
    try:
        sync.step.run("pay", refuse)
    except StepFailedError as e:
        return {"told": e.problem.client_message}


SYNC = {"journey": sync_journey, "caught": sync_caught}


def wsgi(environ: Any, start_response: Any) -> Any:
    name, order = environ["PATH_INFO"].split("/")[2:4]
    content = json.dumps(SYNC[name](order)).encode()
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(content)))])
    return [content]


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealGateway]:
    program()
    folder: Path = tmp_path_factory.mktemp("gateway")
    services: dict[str, Union[AsgiService, WsgiService]] = {
        "asgi": AsgiService(AsgiMiddleware(asgi, OPTIONS)),
        "wsgi": WsgiService(WsgiMiddleware(wsgi, OPTIONS)),
    }
    running = RealGateway(folder, {name: service.url for name, service in services.items()})
    try:
        running.wait()
        yield running
    finally:
        running.stop()
        for service in services.values():
            service.stop()


async def test_each_finished_step_is_executed_once(gateway: RealGateway) -> None:
    seen: list[Progress] = []
    response = await durable_fetch(gateway.public + "/asgi/journey/o1", json={}, on_progress=seen.append, timeout=60)
    result = response.json()
    assert response.status == 200 and (result.pop("attempt") >= 4, result) == (
        True,
        {"charge": 1, "seat": "12A", "both": [1, "12A"], "raw": 16384},
    )
    assert (executed["charge o1"], executed["seat o1"], executed["a o1"], executed["b o1"]) == (1, 3, 1, 3)
    assert {each.step for each in seen if each.state == "completed"} >= {"charge o1", "größe/1", "nap", "raw"}


def test_the_synchronous_twin(gateway: RealGateway) -> None:
    response = sync.durable_fetch(gateway.public + "/wsgi/journey/o2", json={}, timeout=60)
    result = response.json()
    assert response.status == 200 and (result.pop("attempt") >= 3, result) == (True, {"charge": 1, "both": [1, "12A"]})
    assert (executed["charge o2"], executed["a o2"], executed["b o2"]) == (1, 1, 3)


async def test_events_and_callbacks(gateway: RealGateway) -> None:
    waiting_ = asyncio.ensure_future(durable_fetch(gateway.public + "/asgi/waiting/o3", json={}, timeout=60))
    url = await asyncio.to_thread(until, lambda: urls.get("o3"))
    request = urllib.request.Request(
        url if url.startswith("http") else gateway.public + url, data=b'{"by":"me"}', headers={"Content-Type": "application/json"}
    )
    assert (await asyncio.to_thread(urllib.request.urlopen, request)).status == 204
    paid = await durable_fetch(gateway.public + "/asgi/paying/o3", json={}, timeout=60)
    assert paid.status == 200 and paid.json()["woken"] in (0, 1)
    assert (await waiting_).json() == {"event": {"amount": 9}, "callback": {"by": "me"}}


async def test_invoking_another_route(gateway: RealGateway) -> None:
    response = await durable_fetch(gateway.public + "/asgi/invoking/o4", json={}, timeout=60)
    assert response.json()["inner"]["charge"] == 1 and executed["charge o4-inner"] == 1


async def test_a_failure_for_good_is_undone_and_told(gateway: RealGateway) -> None:
    response = await durable_fetch(gateway.public + "/asgi/undoing/o5", json={}, timeout=60)
    assert (response.status, response.json()["detail"], response.json()["step"]) == (500, "Declined.", "pay")
    assert (executed["flight o5"], executed["cancel o5"]) == (1, 1)


def test_a_failure_that_is_caught_is_the_handlers_affair(gateway: RealGateway) -> None:
    assert sync.durable_fetch(gateway.public + "/wsgi/caught/o6", json={}, timeout=60).json() == {"told": "Declined."}


async def test_more_steps_than_a_header_holds(gateway: RealGateway) -> None:
    response = await durable_fetch(gateway.public + "/asgi/many/o7", json={}, timeout=60)
    assert response.json() == 201


async def test_the_dashboard_shows_what_a_model_was_asked_and_what_it_used(gateway: RealGateway) -> None:
    told = (await durable_fetch(gateway.public + "/asgi/summary/o9", json={}, timeout=60)).json()
    assert told["text"] == "short"
    page = urllib.request.urlopen(f"{gateway.control}/runs/{told['run']}?step=summary", timeout=10).read().decode()
    assert "gen_ai.usage.input_tokens" in page and "Sum up o9" in page


async def test_without_a_gateway_the_same_handler_simply_runs() -> None:
    service = WsgiService(WsgiMiddleware(wsgi, OPTIONS))
    try:
        assert (await durable_fetch(service.url + "/wsgi/caught/o8", json={})).json() == {"told": "Declined."}
    finally:
        service.stop()
