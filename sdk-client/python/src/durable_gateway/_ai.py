"""Steps around calls of models: what is kept beside the result."""

from __future__ import annotations

import collections.abc
import dataclasses
import functools
import inspect
import json
import math
from typing import Any, Callable, Iterable, Mapping, Optional, TypeVar, Union, get_args, get_origin

from ._content import UNDECLARED, UNIONS, Codec, ValueContent, returned_by
from ._errors import StepUsageError
from ._headers import AI_TYPE
from ._options import DEFAULT, ModelPrice, Seconds, StepOptions

A = TypeVar("A", bound="ModelCalls")


class ModelCalls:
    """What the asynchronous and the synchronous form have in common."""

    __slots__ = ("_options", "_returns")

    def __init__(self, options: Optional[StepOptions] = None, returns: Any = UNDECLARED) -> None:
        self._options = options
        self._returns = returns

    def with_options(
        self: A,
        *,
        returns: Any = UNDECLARED,
        max_attempts: Optional[int] = None,
        retry_delay: Optional[Seconds] = None,
        max_retry_delay: Optional[Seconds] = None,
        backoff: Optional[str] = None,
        timeout: Optional[Seconds] = None,
        at_most_once: bool = False,
    ) -> A:
        """The same, with options of the step, because the named arguments of ``wrap`` are those of the call: see
        :meth:`durable_gateway.Step.run`."""
        return type(self)(StepOptions.of(max_attempts, retry_delay, max_retry_delay, backoff, timeout, at_most_once), returns)

    def _prepared(
        self, call: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[Callable[[], Any], Any, dict[str, Any], StepOptions]:
        declared = returned_by(call, args) if self._returns is UNDECLARED else self._returns
        body = functools.partial(call, *args, **kwargs)
        return body, _without_streams(declared), _request_of(call, args, kwargs), self._options or DEFAULT


class ModelContent(ValueContent):
    """The result of a model call with its attributes, by the names of OpenTelemetry's semantic conventions.

    :param request: The arguments of the call, by name.
    """

    def __init__(self, step: str, declared: Any, codec: Codec, request: Mapping[str, Any], prices: Mapping[str, ModelPrice]) -> None:
        super().__init__(declared, codec)
        self._step = step
        self._request = request
        self._prices = prices

    def receive(self, result: Any) -> Any:
        if _is_stream(type(result)):
            raise StepUsageError(
                f"Step '{self._step}' returns a stream ({type(result).__name__}), which cannot be stored. Use the form of the call that "
                "returns the complete response."
            )
        return result

    def write(self, result: Any) -> tuple[str, bytes, Any]:
        kept = _plain(result) if self._declared is UNDECLARED else result
        body = self._codec.dump(kept, self._declared)
        attributes = attributes_of(self._request, json.loads(body), self._prices)
        said = json.dumps(attributes, ensure_ascii=True, allow_nan=False, separators=(",", ":")).encode("ascii")
        return AI_TYPE, b'{"result":' + body + b',"attributes":' + said + b"}", self._codec.load(body, self._declared)


def attributes_of(request: Mapping[str, Any], result: Any, prices: Mapping[str, ModelPrice]) -> dict[str, Any]:
    """What a call was asked and what it used, as far as it can be told. Results of OpenAI, Anthropic and Google are understood."""
    given = result if isinstance(result, dict) else {}
    usages = (given.get(key) for key in ("usage", "usage_metadata", "usageMetadata"))
    usage: dict[str, Any] = next((each for each in usages if isinstance(each, dict)), {})
    asked = _name_of(request.get("model"))
    model = next((name for name in map(_name_of, (given.get(key) for key in _MODELS)) if name), asked)
    read, written = _first_number(usage, _INPUT), _first_number(usage, _OUTPUT)
    price = None if model is None else _price_of(model, prices)
    cost = None if price is None else ((read or 0) * price.input + (written or 0) * price.output) / 1_000_000
    attributes = {
        "gen_ai.request.model": asked or model,
        "gen_ai.response.model": model,
        "gen_ai.system_instructions": _shown(_first(request, _INSTRUCTIONS)),
        "gen_ai.input.messages": _shown(_first(request, _MESSAGES)),
        "gen_ai.usage.input_tokens": read,
        "gen_ai.usage.output_tokens": written,
        "gen_ai.usage.cost": cost,
    }
    return {name: value for name, value in attributes.items() if value is not None}


_MODELS = ("model", "model_version", "modelVersion", "model_name")
_INSTRUCTIONS = ("system", "instructions", "system_instruction")
_MESSAGES = ("messages", "prompt", "input", "contents")
_INPUT = ("input_tokens", "prompt_tokens", "prompt_token_count", "inputTokens", "promptTokens", "promptTokenCount")
_OUTPUT = ("output_tokens", "completion_tokens", "candidates_token_count", "outputTokens", "completionTokens", "candidatesTokenCount")


def _request_of(call: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """The arguments of the call by name. A dictionary or an object that is the only one holds them itself."""
    if args and callable(args[0]):
        # asyncio.to_thread, and what else calls another function.
        call, args = args[0], args[1:]
    try:
        bound = inspect.signature(call).bind_partial(*args, **kwargs)
    except (TypeError, ValueError):
        return dict(kwargs)
    named = {
        name: value
        for name, value in bound.arguments.items()
        if bound.signature.parameters[name].kind not in (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    }
    named.update(kwargs)
    if len(named) == 1:
        (only,) = named.values()
        members = only if isinstance(only, collections.abc.Mapping) else getattr(only, "__dict__", None)
        if members:
            return dict(members)
    return named


def _without_streams(declared: Any) -> Any:
    """Functions that give a response or a stream of it are declared to give either."""
    if get_origin(declared) not in UNIONS:
        return declared
    others = tuple(each for each in get_args(declared) if not _is_stream(get_origin(each) or each))
    if len(others) == len(get_args(declared)):
        return declared
    return Union[others] if others else UNDECLARED


def _is_stream(kind: Any) -> bool:
    return isinstance(kind, type) and (hasattr(kind, "__anext__") or hasattr(kind, "__next__") or hasattr(kind, "__aiter__"))


def _plain(result: Any) -> Any:
    """Plain data of a result whose type is not declared. What has no such form is left, and refused when it is written."""
    if hasattr(result, "model_dump_json"):
        return json.loads(result.model_dump_json())
    if hasattr(result, "parse_obj") and hasattr(result, "json") and not isinstance(result, type):
        return json.loads(result.json())
    if dataclasses.is_dataclass(result) and not isinstance(result, type):
        return dataclasses.asdict(result)
    to_dict = getattr(result, "to_dict", None)
    return to_dict() if callable(to_dict) and not isinstance(result, type) else result


def _shown(value: Any) -> Any:
    """For people to read: it never fails."""
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return f"{len(value)} bytes"
    if isinstance(value, collections.abc.Mapping):
        return {str(name): _shown(member) for name, member in value.items()}
    if isinstance(value, (list, tuple)):
        return [_shown(member) for member in value]
    try:
        kept = _plain(value)
    except Exception:
        return str(value)
    return str(value) if kept is value else _shown(kept)


def _name_of(model: Any) -> Optional[str]:
    """A model is named, or is an object that has its name."""
    if isinstance(model, str):
        return model
    names = (getattr(model, key, None) for key in ("model_id", "model_name"))
    return next((name for name in names if isinstance(name, str)), None)


def _first(members: Mapping[str, Any], names: Iterable[str]) -> Any:
    return next((members[name] for name in names if members.get(name) is not None), None)


def _first_number(usage: Mapping[str, Any], names: Iterable[str]) -> Optional[float]:
    numbers = (usage.get(name) for name in names)
    return next((n for n in numbers if isinstance(n, (int, float)) and not isinstance(n, bool)), None)


def _price_of(model: str, prices: Mapping[str, ModelPrice]) -> Optional[ModelPrice]:
    """The price of the model, or of the longest name that it begins with: ``gpt-4o`` is also ``gpt-4o-2024-08-06``."""
    names = [name for name in prices if model.startswith(name)]
    return prices[max(names, key=len)] if names else None
