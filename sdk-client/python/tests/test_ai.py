"""Steps around calls of models."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from typing import Any, AsyncIterator, Iterator, Union

import pytest

from durable_gateway import ModelPrice, StepFailedError, StepUsageError, step
from durable_gateway.sync import step as sync_step

from .support import ScriptedGateway, attempt, attempt_sync, problem, unexpected

PRICES = {"gpt-4o": ModelPrice(2.5, 10), "gpt": ModelPrice(100, 100)}


@dataclasses.dataclass
class Usage:
    input_tokens: int
    output_tokens: int


@dataclasses.dataclass
class Message:
    text: str
    usage: Usage
    model: str = "gpt-4o-2024-08-06"


async def create(*, model: str, messages: Any, system: str = "") -> Union[AsyncIterator[str], Message]:
    """As the libraries declare it: a stream where that is asked for."""
    return Message("short", Usage(1000, 500))


def stored(gateway: ScriptedGateway) -> Any:
    assert gateway.calls[-1].headers["Content-Type"] == "application/vnd.durable.ai+json"
    return json.loads(gateway.calls[-1].body)


def replay(gateway: ScriptedGateway) -> None:
    """What was stored is there in the next attempt."""
    gateway.store("summary", gateway.calls[-1].body, content_type=gateway.calls[-1].headers["Content-Type"])


async def test_prompt_usage_and_cost_are_kept_beside_the_result(gateway: ScriptedGateway) -> None:
    results: list[Any] = []

    async def handler() -> None:
        messages = [{"role": "user", "content": "Sum it up"}]
        results.append(await step.ai.wrap("summary", create, model="gpt-4o", messages=messages, system="Be brief."))

    assert (await attempt(gateway, handler, prices=PRICES)).is_completed
    assert stored(gateway) == {
        "result": {"text": "short", "usage": {"input_tokens": 1000, "output_tokens": 500}, "model": "gpt-4o-2024-08-06"},
        "attributes": {
            "gen_ai.request.model": "gpt-4o",
            "gen_ai.response.model": "gpt-4o-2024-08-06",
            "gen_ai.system_instructions": "Be brief.",
            "gen_ai.input.messages": [{"role": "user", "content": "Sum it up"}],
            "gen_ai.usage.input_tokens": 1000,
            "gen_ai.usage.output_tokens": 500,
            "gen_ai.usage.cost": 0.0075,
        },
    }
    replay(gateway)
    assert (await attempt(gateway, handler, prices=PRICES)).is_completed
    assert results == [Message("short", Usage(1000, 500))] * 2 and gateway.said == ["PUT summary completed", "GET None completed"]


def test_the_synchronous_one(gateway: ScriptedGateway) -> None:
    def ask(model: str, prompt: str) -> Any:
        return {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 0}}

    results: list[Any] = []

    def handler() -> None:
        results.append(sync_step.ai.wrap("summary", ask, "m-1", "Sum it up"))

    assert attempt_sync(gateway, handler).is_completed
    assert results == [{"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 0}}]
    assert stored(gateway)["attributes"] == {
        "gen_ai.request.model": "m-1",
        "gen_ai.response.model": "m-1",
        "gen_ai.input.messages": "Sum it up",
        "gen_ai.usage.input_tokens": 3,
        "gen_ai.usage.output_tokens": 0,
    }


async def test_a_blocking_library_is_called_in_a_thread(gateway: ScriptedGateway) -> None:
    def generate_content(*, model: str, contents: str) -> Any:
        return {"model_version": "gemini-2", "usage_metadata": {"prompt_token_count": 5, "candidates_token_count": 7}}

    async def handler() -> None:
        await step.ai.wrap("summary", asyncio.to_thread, generate_content, model="gemini", contents="Sum it up")

    assert (await attempt(gateway, handler)).is_completed
    assert stored(gateway)["attributes"] == {
        "gen_ai.request.model": "gemini",
        "gen_ai.response.model": "gemini-2",
        "gen_ai.input.messages": "Sum it up",
        "gen_ai.usage.input_tokens": 5,
        "gen_ai.usage.output_tokens": 7,
    }


async def test_the_options_are_those_of_steps(gateway: ScriptedGateway) -> None:
    async def handler() -> None:
        await step.ai.with_options(max_attempts=2, retry_delay=1.5).wrap("summary", unavailable, model="m-1")

    async def unavailable(*, model: str) -> Any:
        raise OSError("overloaded")

    assert (await attempt(gateway, handler)).is_suspended
    assert gateway.calls[-1].headers["Durable-Step-Retry"] == "max-attempts=2, delay=1.5"


async def test_a_result_whose_type_is_said(gateway: ScriptedGateway) -> None:
    async def undeclared(**_: Any) -> Any:
        return Message("short", Usage(1, 2))

    results: list[Any] = []

    async def handler() -> None:
        results.append(await step.ai.wrap("a", undeclared, model="m-1"))
        results.append(await step.ai.with_options(returns=Message).wrap("b", undeclared, model="m-1"))

    assert (await attempt(gateway, handler)).is_completed
    assert results == [dataclasses.asdict(Message("short", Usage(1, 2))), Message("short", Usage(1, 2))]


async def test_a_stream_is_refused(gateway: ScriptedGateway) -> None:
    async def streamed(*, model: str) -> Union[Iterator[str], Message]:
        return iter(["sh", "ort"])

    async def handler() -> None:
        with pytest.raises(StepUsageError, match="complete response"):
            await step.ai.wrap("summary", streamed, model="m-1")

    await attempt(gateway, handler)
    assert gateway.calls == []


async def test_what_cannot_be_shown_does_no_harm(gateway: ScriptedGateway) -> None:
    class Model:
        model_name = "m-1"

    async def ask(request: Any) -> Any:
        return "plain text"

    async def handler() -> None:
        request = {"model": Model(), "messages": [b"\0\1", float("nan"), {"at": Usage(1, 2)}, Model]}
        assert await step.ai.wrap("summary", ask, request) == "plain text"

    assert (await attempt(gateway, handler)).is_completed
    shown = stored(gateway)["attributes"]
    assert shown["gen_ai.request.model"] == "m-1"
    assert shown["gen_ai.input.messages"][:3] == ["2 bytes", "nan", {"at": {"input_tokens": 1, "output_tokens": 2}}]


async def test_run_and_wrap_read_what_the_other_has_stored(gateway: ScriptedGateway) -> None:
    gateway.store("summary", {"result": {"text": "short"}, "attributes": {}}, content_type="application/vnd.durable.ai+json")
    gateway.store("plain", {"text": "plain"})

    async def handler() -> None:
        assert await step.run("summary", unexpected) == {"text": "short"}
        assert await step.ai.wrap("plain", unexpected) == {"text": "plain"}

    assert (await attempt(gateway, handler)).is_completed


async def test_a_result_that_is_too_large_fails_the_step(gateway: ScriptedGateway) -> None:
    gateway.answer("summary", problem("step-too-large", 413), problem("x", 201))

    async def handler() -> None:
        with pytest.raises(StepFailedError):
            await step.ai.wrap("summary", create, model="gpt-4o", messages=[])

    assert (await attempt(gateway, handler)).is_completed
