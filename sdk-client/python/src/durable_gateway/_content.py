"""How a step's result becomes bytes and comes back."""

from __future__ import annotations

import asyncio
import base64
import collections.abc
import dataclasses
import datetime
import decimal
import enum
import functools
import io
import json
import pathlib
import sys
import typing
import uuid
from typing import Any, AsyncIterator, Callable, Iterator, Literal, Optional, Protocol, TypeVar, Union, get_args, get_origin, get_type_hints

from ._errors import StepUsageError
from ._headers import AI_TYPE, BYTES_TYPE, JSON_TYPE

UNDECLARED: Any = Any
"""The type of a result of which nothing is said: it comes back as what JSON reads as."""

UNIONS: tuple[Any, ...] = (Union,)
if sys.version_info >= (3, 10):
    import types

    UNIONS = (Union, types.UnionType)


class Codec(Protocol):
    """Writes results as JSON, and reads them again. Both raise ``TypeError`` or ``ValueError`` where that cannot be."""

    def dump(self, value: Any, declared: Any) -> bytes:
        """
        :param declared: The type that the step is declared to give; ``typing.Any`` where nothing is said of it.
        """

    def load(self, body: bytes, declared: Any) -> Any:
        ...


class JsonCodec:
    """``json`` of the standard library, and the types that the step declares: dataclasses, named tuples, typed dictionaries, enumerations,
    dates and times, ``Decimal``, ``UUID``, paths, sets, tuples, bytes, unions of these, and models of pydantic. Other keys of an object
    are passed over.
    """

    def dump(self, value: Any, declared: Any) -> bytes:
        text = json.dumps(_encode(value, declared), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        try:
            return text.encode()
        except UnicodeEncodeError:
            # Lone surrogates have no form in UTF-8, but one as escapes.
            return json.dumps(json.loads(text), separators=(",", ":")).encode("ascii")

    def load(self, body: bytes, declared: Any) -> Any:
        return _decode(json.loads(body), declared)


class Content:
    """How the results of one step are kept."""

    def receive(self, result: Any) -> Any:
        """Takes in what the body left to be read: a part of the step still. May be awaitable."""
        return result

    def write(self, result: Any) -> tuple[str, bytes, Any]:
        """The content type, the bytes to store, and the result that the handler continues with: as a replay reads it, so that both continue
        alike."""
        raise NotImplementedError

    def read(self, content_type: str, body: bytes) -> Any:
        """:raises ValueError: It cannot be read. Or ``TypeError``."""
        raise NotImplementedError


class NothingContent(Content):
    """What is kept of a step that gives nothing."""

    def write(self, result: Any) -> tuple[str, bytes, Any]:
        return JSON_TYPE, b"", None

    def read(self, content_type: str, body: bytes) -> Any:
        return None


NOTHING = NothingContent()


class ValueContent(Content):
    """Bytes as they are, and anything else as JSON."""

    def __init__(self, declared: Any, codec: Codec) -> None:
        self._declared = declared
        self._codec = codec

    def write(self, result: Any) -> tuple[str, bytes, Any]:
        if isinstance(result, (bytes, bytearray, memoryview)):
            return BYTES_TYPE, bytes(result), bytes(result)
        body = self._codec.dump(result, self._declared)
        return JSON_TYPE, body, self._codec.load(body, self._declared)

    def read(self, content_type: str, body: bytes) -> Any:
        if _unwrapped(self._declared) is bytes:
            return body
        if not is_json(content_type):
            return body.decode() if self._declared is str else body
        if content_type.split(";")[0].strip().lower() == AI_TYPE:
            body = json.dumps(json.loads(body)["result"], separators=(",", ":")).encode("ascii")
        # A step of another SDK may give nothing.
        return self._codec.load(body, self._declared) if body else None


class StreamContent(Content):
    """A stream is read to its end in the step, and each execution of the handler gets one of its own made of that."""

    def __init__(self, step: str, open_stream: Callable[[bytes], Any]) -> None:
        self._step = step
        self._open = open_stream

    def receive(self, result: Any) -> Any:
        if hasattr(result, "__aiter__"):
            return _collect(result)
        if isinstance(result, (bytes, bytearray, memoryview)):
            return bytes(result)
        if hasattr(result, "read"):
            try:
                return result.read()
            finally:
                getattr(result, "close", lambda: None)()
        if isinstance(result, collections.abc.Iterable):
            return b"".join(result)
        raise StepUsageError(f"Step '{self._step}' returns {type(result).__name__} instead of a stream.")

    def write(self, result: Any) -> tuple[str, bytes, Any]:
        if not isinstance(result, bytes):
            raise TypeError("the stream is a text stream; open it in binary mode.")
        return BYTES_TYPE, result, self._open(result)

    def read(self, content_type: str, body: bytes) -> Any:
        return self._open(body)


class PayloadContent(Content):
    """What others sent: it may be nothing at all."""

    def __init__(self, content: Content) -> None:
        self._content = content

    def read(self, content_type: str, body: bytes) -> Any:
        if not body and is_json(content_type) and isinstance(self._content, ValueContent):
            return b"" if _unwrapped(self._content._declared) is bytes else None
        return self._content.read(content_type, body)


class CountContent(Content):
    """A number, whatever the codec is."""

    def write(self, result: Any) -> tuple[str, bytes, Any]:
        return JSON_TYPE, str(result).encode(), result

    def read(self, content_type: str, body: bytes) -> Any:
        return int(body)


def content_of(step: str, declared: Any, codec: Codec) -> Content:
    opened = _stream_of(declared)
    return ValueContent(declared, codec) if opened is None else StreamContent(step, opened)


def is_json(content_type: str) -> bool:
    kind = content_type.split(";")[0].strip().lower()
    return kind == JSON_TYPE or kind.endswith("+json")


def payload(step: str, value: Any, codec: Codec) -> tuple[bytes, str]:
    """What is sent for a value of the handler: bytes as they are, and anything else as JSON."""
    if value is None:
        return b"", JSON_TYPE
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value), BYTES_TYPE
    try:
        return codec.dump(value, type(value)), JSON_TYPE
    except (TypeError, ValueError) as e:
        raise StepUsageError(f"Step '{step}' sends {type(value).__name__}, which cannot be serialized to JSON: {e} Send plain data.") from e


def returned_by(function: Callable[..., Any], args: tuple[Any, ...]) -> Any:
    """The type that a function is annotated to return, or to return when it is awaited; :data:`UNDECLARED` where it is not."""
    while True:
        if isinstance(function, functools.partial):
            function = function.func
        elif function is asyncio.to_thread and args and callable(args[0]):
            function, args = args[0], args[1:]
        else:
            break
    try:
        declared = get_type_hints(function if hasattr(function, "__annotations__") else type(function).__call__).get("return", UNDECLARED)
    except (NameError, TypeError, AttributeError, ValueError):
        # Names that exist only for the type checker, or in another function.
        return UNDECLARED
    if get_origin(declared) in (collections.abc.Awaitable, collections.abc.Coroutine):
        declared = (get_args(declared) or (UNDECLARED,))[-1]
    return UNDECLARED if isinstance(declared, TypeVar) else declared


async def _collect(chunks: AsyncIterator[bytes]) -> bytes:
    return b"".join([chunk async for chunk in chunks])


def _stream_of(declared: Any) -> Optional[Callable[[bytes], Any]]:
    origin = get_origin(declared)
    if declared is typing.BinaryIO or (origin is typing.IO and get_args(declared) == (bytes,)):
        return io.BytesIO
    if isinstance(declared, type) and issubclass(declared, io.IOBase) and not issubclass(declared, io.TextIOBase):
        return io.BytesIO
    if (get_args(declared) or (None,))[0] is not bytes:
        return None
    if origin in (collections.abc.AsyncIterator, collections.abc.AsyncIterable, collections.abc.AsyncGenerator):
        return _async_chunks
    if origin in (collections.abc.Iterator, collections.abc.Iterable, collections.abc.Generator):
        return _chunks
    return None


def _chunks(body: bytes) -> Iterator[bytes]:
    yield body


async def _async_chunks(body: bytes) -> AsyncIterator[bytes]:
    yield body


# Values and their declared types, both ways.


def _unwrapped(declared: Any) -> Any:
    """Without what says nothing of the form: ``Annotated``, ``NewType``, ``Optional`` of one type, ``Required`` of a typed dictionary's
    member."""
    while True:
        if hasattr(declared, "__supertype__"):
            declared = declared.__supertype__
        elif hasattr(declared, "__metadata__"):
            declared = declared.__origin__
        elif get_origin(declared) in UNIONS:
            others = [each for each in get_args(declared) if each is not type(None)]
            if len(others) != 1:
                return declared
            declared = others[0]
        else:
            return declared


def _args(declared: Any, count: int) -> tuple[Any, ...]:
    args = get_args(declared)
    return args if len(args) == count else (UNDECLARED,) * count


def _is_typed_dict(declared: Any) -> bool:
    return isinstance(declared, type) and issubclass(declared, dict) and hasattr(declared, "__total__")


def _fields_of(declared: type[Any]) -> list[str]:
    """The fields of a named tuple; none for other types."""
    fields = getattr(declared, "_fields", ())
    return list(fields) if issubclass(declared, tuple) else []


def _encode(value: Any, declared: Any) -> Any:
    declared = _unwrapped(declared)
    if value is None:
        return None
    origin = get_origin(declared) or declared
    if origin in UNIONS:
        return _encode(value, next((each for each in get_args(declared) if _is_of(value, each)), UNDECLARED))
    if not isinstance(origin, type) or origin is object:
        return _plain(value)
    if _is_typed_dict(origin) and isinstance(value, dict):
        hints = get_type_hints(origin)
        return {_key(name): _encode(member, hints.get(name, UNDECLARED)) for name, member in value.items()}
    if _fields_of(origin) and isinstance(value, origin):
        hints = get_type_hints(origin)
        return {name: _encode(getattr(value, name), hints.get(name, UNDECLARED)) for name in _fields_of(origin)}
    if dataclasses.is_dataclass(origin) and isinstance(value, origin):
        hints = get_type_hints(type(value))
        return {f.name: _encode(getattr(value, f.name), hints[f.name]) for f in dataclasses.fields(value) if f.init}
    if hasattr(origin, "model_validate") and hasattr(value, "model_dump_json"):
        return json.loads(value.model_dump_json())
    if hasattr(origin, "parse_obj") and hasattr(value, "json") and not isinstance(value, dict):
        return json.loads(value.json())
    if issubclass(origin, enum.Enum) and isinstance(value, origin):
        return _plain(value.value)
    if issubclass(origin, (datetime.datetime, datetime.date, datetime.time)) and isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    if origin is datetime.timedelta and isinstance(value, datetime.timedelta):
        return value.total_seconds()
    if issubclass(origin, (decimal.Decimal, uuid.UUID, pathlib.PurePath)) and isinstance(
        value, (decimal.Decimal, uuid.UUID, pathlib.PurePath)
    ):
        return str(value)
    if issubclass(origin, (bytes, bytearray)) and isinstance(value, (bytes, bytearray, memoryview)):
        return base64.b64encode(bytes(value)).decode("ascii")
    if issubclass(origin, tuple) and isinstance(value, (tuple, list)):
        args = get_args(declared)
        if len(args) == len(value) and Ellipsis not in args:
            return [_encode(member, hint) for member, hint in zip(value, args)]
        return [_encode(member, args[0] if args else UNDECLARED) for member in value]
    if issubclass(origin, (set, frozenset, collections.abc.Set)) and isinstance(value, (set, frozenset)):
        (hint,) = _args(declared, 1)
        members = [_encode(member, hint) for member in value]
        # The order of a set differs from process to process.
        return sorted(members, key=lambda member: json.dumps(member, sort_keys=True))
    if issubclass(origin, collections.abc.Mapping) and isinstance(value, collections.abc.Mapping):
        key, hint = _args(declared, 2)
        return {_key(_encode(name, key), declared=key is not UNDECLARED): _encode(member, hint) for name, member in value.items()}
    if issubclass(origin, collections.abc.Iterable) and not issubclass(origin, (str, bytes)) and isinstance(value, (list, tuple)):
        (hint,) = _args(declared, 1)
        return [_encode(member, hint) for member in value]
    return _plain(value)


def _key(name: Any, declared: bool = False) -> str:
    if isinstance(name, str):
        return name
    if declared and isinstance(name, (int, float)):
        return json.dumps(name)
    raise TypeError(f"The key {name!r} of a dictionary is not a string, and would be read as one.")


def _plain(value: Any) -> Any:
    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, (list, tuple)) and not hasattr(value, "_fields"):
        return [_plain(member) for member in value]
    if type(value) is dict:
        return {_key(name): _plain(member) for name, member in value.items()}
    raise TypeError(
        f"{type(value).__module__}.{type(value).__qualname__} is not plain data. Annotate the return type of the step, "
        f"or state it: returns={type(value).__name__}."
    )


def _is_of(value: Any, declared: Any) -> bool:
    declared = _unwrapped(declared)
    origin = get_origin(declared) or declared
    if origin is Literal:
        return value in get_args(declared)
    if _is_typed_dict(origin):
        return isinstance(value, dict)
    return isinstance(origin, type) and isinstance(value, origin)


def _decode(value: Any, declared: Any) -> Any:
    declared = _unwrapped(declared)
    origin = get_origin(declared) or declared
    if value is None:
        return None
    if origin in UNIONS:
        return _decode_union(value, get_args(declared))
    if origin is Literal:
        if value not in get_args(declared):
            raise ValueError(f"{value!r} is not one of {get_args(declared)}.")
        return value
    if not isinstance(origin, type) or origin is object:
        return value
    if _is_typed_dict(origin):
        hints = get_type_hints(origin)
        return {name: _decode(member, hints.get(name, UNDECLARED)) for name, member in _members(value, origin).items()}
    if _fields_of(origin) or dataclasses.is_dataclass(origin):
        names = _fields_of(origin) or [f.name for f in dataclasses.fields(origin) if f.init]
        hints, members = get_type_hints(origin), _members(value, origin)
        return origin(**{name: _decode(members[name], hints.get(name, UNDECLARED)) for name in names if name in members})
    if hasattr(origin, "model_validate"):
        return origin.model_validate(value)
    if hasattr(origin, "parse_obj"):
        return origin.parse_obj(value)
    if issubclass(origin, enum.Enum):
        return origin(value)
    if issubclass(origin, (datetime.datetime, datetime.date, datetime.time)):
        return origin.fromisoformat(_zulu(value))
    if origin is datetime.timedelta:
        return datetime.timedelta(seconds=value)
    if issubclass(origin, (decimal.Decimal, uuid.UUID, pathlib.PurePath)):
        return origin(str(value) if origin is decimal.Decimal else value)
    if issubclass(origin, (bytes, bytearray)):
        return origin(base64.b64decode(value, validate=True))
    if issubclass(origin, tuple):
        args = get_args(declared)
        if len(args) == len(value) and Ellipsis not in args:
            return tuple(_decode(member, hint) for member, hint in zip(value, args))
        return tuple(_decode(member, args[0] if args else UNDECLARED) for member in value)
    if issubclass(origin, (set, frozenset, collections.abc.Set)):
        (hint,) = _args(declared, 1)
        return (set if origin in (set, collections.abc.Set, collections.abc.MutableSet) else frozenset)(
            _decode(member, hint) for member in value
        )
    if issubclass(origin, collections.abc.Mapping):
        key, hint = _args(declared, 2)
        return {_decode_key(name, key): _decode(member, hint) for name, member in _members(value, origin).items()}
    if issubclass(origin, collections.abc.Iterable) and isinstance(value, list):
        (hint,) = _args(declared, 1)
        return [_decode(member, hint) for member in value]
    # A whole number is a number.
    return float(value) if origin is float and type(value) is int else value


def _decode_union(value: Any, kinds: tuple[Any, ...]) -> Any:
    # What JSON has a form of its own for is that; then comes the first that it can be.
    for kind in kinds:
        if kind in (bool, int, float, str) and type(value) is kind:
            return value
    for kind in kinds:
        try:
            if kind not in (bool, int, str, type(None)):
                return _decode(value, kind)
        except (TypeError, ValueError, KeyError):
            continue
    return value


def _decode_key(name: str, declared: Any) -> Any:
    declared = _unwrapped(declared)
    return json.loads(name) if declared in (int, float) else _decode(name, declared)


def _members(value: Any, declared: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError(f"{type(value).__name__} is not {getattr(declared, '__name__', declared)}.")
    return value


def _zulu(text: Any) -> str:
    # Python reads the suffix from 3.11 on.
    if not isinstance(text, str):
        raise TypeError(f"{text!r} is not a time.")
    return text[:-1] + "+00:00" if text.endswith("Z") else text
