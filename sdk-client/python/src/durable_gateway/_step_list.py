"""Reads stored outcomes in their binary form ("Reading" of the wire contract)."""

from __future__ import annotations

import struct
from typing import Iterator

from ._headers import JSON_TYPE, Outcome

CONTENT_TYPE = "application/vnd.durable.steps"

_LENGTH = struct.Struct(">I")
_TEXT = struct.Struct(">H")
# The kind of the outcome, its attempt and its times.
_HEAD_BYTES = 1 + 4 + 8 + 8
_KINDS = {ord("C"): False, ord("F"): True}


class ListCutOff(ValueError):
    """The list has not come to its end. It is worth asking again."""


def read(body: bytes) -> dict[str, Outcome]:
    """
    :raises ListCutOff: The record that ends the list is missing.
    :raises ValueError: It is no list.
    """
    return dict(map(_step, _records(memoryview(body))))


def is_cut_off(body: bytes) -> bool:
    """Whether the record that ends the list is missing. It looks at lengths alone."""
    try:
        for _ in _records(memoryview(body)):
            pass
    except ListCutOff:
        return True
    except ValueError:
        pass
    return False


def _records(list_: memoryview) -> Iterator[memoryview]:
    at = 0
    while True:
        if len(list_) - at < _LENGTH.size:
            raise ListCutOff("the list is cut off.")
        (length,) = _LENGTH.unpack_from(list_, at)
        at += _LENGTH.size
        if length == 0:
            if at < len(list_):
                raise ValueError("bytes follow the end of the list.")
            return
        if length > len(list_) - at:
            raise ListCutOff("the list is cut off.")
        yield list_[at : at + length]
        at += length


def _step(record: memoryview) -> tuple[str, Outcome]:
    if len(record) < _HEAD_BYTES:
        raise ValueError("a record is too short.")
    failed = _KINDS.get(record[0])
    if failed is None:
        raise ValueError(f"an outcome has the unknown kind {record[0]}.")
    at = _HEAD_BYTES
    texts = []
    for _ in range(3):
        if len(record) - at < _TEXT.size:
            raise ValueError("a record is too short.")
        (length,) = _TEXT.unpack_from(record, at)
        at += _TEXT.size
        if length > len(record) - at:
            raise ValueError("a text is longer than its record.")
        texts.append(str(record[at : at + length], "utf-8"))
        at += length
    step, kind, content_type = texts
    return step, Outcome(failed, content_type or JSON_TYPE, bytes(record[at:]), kind or None)
