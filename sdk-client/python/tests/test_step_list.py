"""The binary form of the list of stored outcomes."""

from __future__ import annotations

import struct

import pytest

from durable_gateway import CheckpointError, HttpResponse, StepFailedError, step
from durable_gateway import _step_list as step_list
from durable_gateway._headers import Outcome

from .support import ScriptedGateway, attempt, headers, unexpected

END = b"\0\0\0\0"


def record(kind: str, step: str, type_: str, content_type: str, body: bytes = b"") -> bytes:
    texts = (text.encode() for text in (step, type_, content_type))
    rest = kind.encode() + bytes(20) + b"".join(struct.pack(">H", len(text)) + text for text in texts) + body
    return struct.pack(">I", len(rest)) + rest


LIST = record("C", "a ä", "run", "image/png", b"\0\xff") + record("F", "b", "wait", "", b"{}") + END


def test_records_are_read_as_they_are() -> None:
    assert step_list.read(LIST) == {
        "a ä": Outcome(False, "image/png", b"\0\xff", "run"),
        "b": Outcome(True, "application/json", b"{}", "wait"),
    }
    assert step_list.read(END) == {}


@pytest.mark.parametrize("length", range(len(LIST)))
def test_a_list_that_is_cut_off(length: int) -> None:
    assert step_list.is_cut_off(LIST[:length]) and not step_list.is_cut_off(LIST)
    with pytest.raises(step_list.ListCutOff):
        step_list.read(LIST[:length])


@pytest.mark.parametrize(
    "body",
    [
        record("X", "a", "run", "") + END,
        END + b"\1",
        b"\0\0\0\3C\0\0" + END,
        b"\0\0\0\x15C" + bytes(20) + END,
        b"\0\0\0\x18C" + bytes(20) + b"\0\2a" + END,
        b"\0\0\0\x1dC" + bytes(20) + b"\0\1a\0\0\0\2x" + END,
        b"\0\0\0\x1cC" + bytes(20) + b"\0\1\xff\0\0\0\0" + END,
    ],
    ids=[
        "unknown kind",
        "bytes after the end",
        "shorter than its head",
        "without its texts",
        "text longer than its record",
        "last text longer",
        "no UTF-8",
    ],
)
def test_what_is_no_list(body: bytes) -> None:
    with pytest.raises(ValueError) as raised:
        step_list.read(body)
    assert not isinstance(raised.value, step_list.ListCutOff) and not step_list.is_cut_off(body)


def sends(body: bytes) -> HttpResponse:
    return HttpResponse(200, [("Content-Type", step_list.CONTENT_TYPE)], body)


async def test_the_list_is_asked_for_again_where_it_is_cut_off(gateway: ScriptedGateway) -> None:
    body = record("C", "a", "run", "application/json", b"1") + record("F", "b", "run", "", b'{"title":"no"}') + END
    gateway.answer("GET", sends(body[:-2]), sends(body))

    async def handler() -> None:
        assert await step.run("a", unexpected) == 1
        with pytest.raises(StepFailedError, match="no"):
            await step.run("b", unexpected)

    assert (await attempt(gateway, handler, headers(Durable_Step_Count="2"))).is_completed
    assert [call.method for call in gateway.calls] == ["GET", "GET"]
    assert gateway.calls[0].headers["Accept"] == "application/vnd.durable.steps, application/json;q=0.9"


@pytest.mark.parametrize("body, calls", [(END + b"x", 1), (LIST[:-1], 5)], ids=["no list", "cut off each time"])
async def test_a_list_that_cannot_be_read_fails_the_attempt(gateway: ScriptedGateway, body: bytes, calls: int) -> None:
    gateway.answer("GET", sends(body))

    async def handler() -> None:
        with pytest.raises(CheckpointError):
            await step.run("a", unexpected)

    verdict = await attempt(gateway, handler, headers(Durable_Step_Count="1"))
    assert verdict.headers == (("Durable-Retry", "?1"),) and len(gateway.calls) == calls
