"""How results become bytes and come back."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime
import decimal
import enum
import io
import json
import uuid
from typing import Any, AsyncIterator, BinaryIO, Dict, Iterator, List, Literal, NamedTuple, Optional, Set, Tuple, TypedDict, Union

import pytest

from durable_gateway import StepUsageError, step
from durable_gateway._content import JsonCodec, returned_by
from durable_gateway.sync import step as sync_step

from .support import ScriptedGateway, attempt, attempt_sync


class Color(enum.Enum):
    RED = "red"


class Point(NamedTuple):
    x: int
    y: Optional[float] = None


class Address(TypedDict, total=False):
    street: str
    since: datetime.date


@dataclasses.dataclass(frozen=True)
class Line:
    name: str
    price: decimal.Decimal
    color: Color = Color.RED


@dataclasses.dataclass
class Order:
    id: uuid.UUID
    at: datetime.datetime
    lines: List[Line]
    tags: Set[str]
    by_number: Dict[int, Line]
    pair: Tuple[int, str]
    raw: bytes
    address: Address
    kind: Literal["a", "b"] = "a"
    parent: Optional[Order] = None
    either: Union[Line, Point, str, None] = None
    time: Optional[datetime.timedelta] = None


LINE = Line("x", decimal.Decimal("1.50"))
ORDER = Order(
    uuid.UUID(int=1),
    datetime.datetime(2026, 11, 23, 3, 4, 5, tzinfo=datetime.timezone.utc),
    [LINE],
    {"b", "a"},
    {7: LINE},
    (1, "z"),
    b"\x00\xff",
    {"street": "S", "since": datetime.date(2026, 1, 2)},
    parent=None,
    either=Point(1, 2.5),
    time=datetime.timedelta(seconds=1.5),
)


@pytest.mark.parametrize(
    ("value", "declared"),
    [
        (ORDER, Order),
        (dataclasses.replace(ORDER, parent=ORDER, either="text", raw=b""), Order),
        (Point(1), Point),
        ((1, 2, 3), Tuple[int, ...]),
        ([Point(1), Point(2, 0.5)], List[Point]),
        ({"a": [LINE]}, Dict[str, List[Line]]),
        (Color.RED, Color),
        (None, Optional[Line]),
        (5, Union[int, Line]),
        (LINE, Union[int, Line]),
        (datetime.time(3, 4), datetime.time),
        (2.0, float),
        ("größe \U0001f600", Any),
        ({"a": [1, None, True, 2.5, "x"]}, Any),
        ("\ud800", Any),
    ],
)
def test_values_come_back_as_they_are_declared(value: Any, declared: Any) -> None:
    codec = JsonCodec()
    assert codec.load(codec.dump(value, declared), declared) == value
    assert type(codec.load(codec.dump(value, declared), declared)) is type(value)


@pytest.mark.parametrize("value", [{1: "a"}, {1, 2}, object(), float("nan"), LINE, Point(1), Color.RED, decimal.Decimal(1), {"a": b"x"}])
def test_what_json_would_change_without_a_word_is_refused(value: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        JsonCodec().dump(value, Any)


def test_members_that_are_not_known_any_more_are_passed_over() -> None:
    assert JsonCodec().load(b'{"name":"x","price":"1","removed":3}', Line) == Line("x", decimal.Decimal(1))


def test_a_dictionary_of_another_shape_is_refused() -> None:
    with pytest.raises(TypeError):
        JsonCodec().load(b'{"price":"1"}', Line)


class Model:
    """What pydantic's models look like from here."""

    def __init__(self, amount: int) -> None:
        self.amount = amount

    def model_dump_json(self) -> str:
        return json.dumps({"amount": self.amount})

    @classmethod
    def model_validate(cls, value: Any) -> Model:
        return cls(**value)


def test_models_of_pydantic() -> None:
    pydantic = pytest.importorskip("pydantic")
    paid = pydantic.create_model("Paid", amount=(int, ...))
    codec = JsonCodec()
    assert codec.load(codec.dump(paid(amount=9), paid), paid) == paid(amount=9)
    assert codec.load(codec.dump([Model(3)], List[Model]), List[Model])[0].amount == 3


async def charge(amount: int) -> Line:
    return LINE


def test_the_type_is_read_from_the_annotation() -> None:
    import functools

    def label() -> Line:
        return LINE

    def missing() -> "Nowhere":  # type: ignore[name-defined] # noqa: F821
        return None

    assert returned_by(charge, (1,)) is Line
    assert returned_by(functools.partial(charge, 1), ()) is Line
    assert returned_by(asyncio.to_thread, (label,)) is Line
    assert returned_by(lambda: 1, ()) is Any
    assert returned_by(missing, ()) is Any
    assert returned_by(len, ("",)) is Any


async def test_an_annotated_result_has_its_type_now_and_in_a_replay(gateway: ScriptedGateway) -> None:
    results: list[Any] = []

    async def handler() -> None:
        results.append(await step.run("charge", charge, 1))
        results.append(await step.run("other", lambda: LINE, returns=Line))

    await attempt(gateway, handler)
    for call in list(gateway.calls):
        gateway.store(str(call.step), call.body)
    await attempt(gateway, handler)
    assert results == [LINE] * 4


async def test_bytes_are_kept_as_they_are(gateway: ScriptedGateway) -> None:
    results: list[Any] = []

    async def handler() -> None:
        results.append(await step.run("report", lambda: b"\x00\xff"))

    await attempt(gateway, handler)
    assert (gateway.calls[0].headers["Content-Type"], gateway.calls[0].body) == ("application/octet-stream", b"\x00\xff")
    gateway.store("report", b"\x00\xff", content_type="application/octet-stream")
    await attempt(gateway, handler)
    assert results == [b"\x00\xff"] * 2


async def test_streams_are_read_in_the_step(gateway: ScriptedGateway) -> None:
    closed: list[bool] = []

    class Report(io.BytesIO):
        def close(self) -> None:
            closed.append(True)
            super().close()

    def opened() -> BinaryIO:
        return Report(b"abc")

    async def chunks() -> AsyncIterator[bytes]:
        for each in (b"a", b"b"):
            yield each

    async def handler() -> None:
        assert (await step.run("file", opened)).read() == b"abc" and closed == [True]
        assert [chunk async for chunk in await step.run("chunks", chunks, returns=AsyncIterator[bytes])] == [b"ab"]

    assert (await attempt(gateway, handler)).is_completed
    assert [call.body for call in gateway.calls] == [b"abc", b"ab"]


def test_streams_of_synchronous_handlers(gateway: ScriptedGateway) -> None:
    def chunks() -> Iterator[bytes]:
        yield b"a"
        yield b"b"

    def handler() -> None:
        assert b"".join(sync_step.run("chunks", chunks)) == b"ab"

    assert attempt_sync(gateway, handler).is_completed and gateway.calls[0].body == b"ab"


async def test_a_stream_that_fails_is_a_failed_try(gateway: ScriptedGateway) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"a"
        raise OSError("cut off")

    async def handler() -> None:
        await step.run("chunks", chunks, returns=AsyncIterator[bytes])

    assert (await attempt(gateway, handler)).is_suspended and gateway.said == ["PUT chunks failed"]


async def test_a_stored_result_of_another_shape_fails_the_attempt(gateway: ScriptedGateway) -> None:
    gateway.store("charge", {"title": 1})

    async def handler() -> None:
        await step.run("charge", charge, 1)

    verdict = await attempt(gateway, handler)
    assert verdict.headers == (("Durable-Retry", "?1"),)


async def test_nothing_is_null(gateway: ScriptedGateway) -> None:
    async def nothing() -> None:
        ...

    async def handler() -> None:
        assert await step.run("one", nothing) is None  # type: ignore[func-returns-value]
        with pytest.raises(StepUsageError):
            await step.run("two", lambda: {1: 2})

    await attempt(gateway, handler)
    assert gateway.calls[0].body == b"null"
