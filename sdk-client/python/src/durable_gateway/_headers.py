"""Header names of the wire contract, and what their values are made of: Structured Fields (RFC 9651), spans of time, encoded text."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from typing import Optional, Union
from urllib.parse import quote

PROTOCOL = "Durable-Protocol"
RUN_ID = "Durable-Run-Id"
ATTEMPT = "Durable-Attempt"
CALLBACK = "Durable-Callback"
TOKEN = "Durable-Token"
EXECUTION = "Durable-Execution"
STEP_COUNT = "Durable-Step-Count"
STEPS = "Durable-Steps"
STEP_OUTCOME = "Durable-Step-Outcome"
STEP_TYPE = "Durable-Step-Type"
STEP_FOR = "Durable-Step-For"
STEP_UNTIL = "Durable-Step-Until"
STEP_DURATION = "Durable-Step-Duration"
STEP_RETRY = "Durable-Step-Retry"
STEP_TIMEOUT = "Durable-Step-Timeout"
RETRY = "Durable-Retry"
SUSPENDED = "Durable-Suspended"
FINAL_ATTEMPT = "Durable-Final-Attempt"
BUILD = "Durable-Build"
MISMATCH = "Durable-Mismatch"
EVENT_TYPE = "Durable-Event-Type"
EVENT_KEY = "Durable-Event-Key"
EVENT_LOOKBACK = "Durable-Event-Lookback"
CALLBACK_URL = "Durable-Callback-Url"
INVOKE_PATH = "Durable-Invoke-Path"
INVOKE_METHOD = "Durable-Invoke-Method"
EGRESS_TOKEN = "Durable-Egress-Token"
IN_STEP = "Durable-In-Step"
RESULT = "Durable-Result"
STATUS = "Durable-Status"

JSON_TYPE = "application/json"
AI_TYPE = "application/vnd.durable.ai+json"
"""A model call: ``{"result":…,"attributes":{…}}``."""
BYTES_TYPE = "application/octet-stream"
PROBLEM_TYPE = "application/problem+json"

_VISIBLE = "".join(map(chr, range(0x21, 0x7F)))
_TEXT = _VISIBLE.replace("%", "")
_TARGET = "".join(c for c in _VISIBLE if c not in '"<>\\^`{|}')


@dataclass(frozen=True)
class Outcome:
    """What a step left. ``type`` is None where it is not known."""

    failed: bool
    content_type: str
    body: bytes
    type: Optional[str] = "run"


def sf_string(text: str) -> str:
    """A String. What it cannot hold is percent-encoded first."""
    if any(not " " <= c <= "~" for c in text):
        text = quote(text, safe="")
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def sf_decimal(seconds: float) -> str:
    """A Decimal: one to three digits after the point."""
    whole = f"{seconds:.3f}".rstrip("0")
    return whole + "0" if whole.endswith(".") else whole


def decimal_seconds(seconds: float) -> str:
    """Outside of Structured Fields a span is plain decimal seconds."""
    text = f"{seconds:.3f}".rstrip("0").rstrip(".")
    return text or "0"


def encoded_text(text: str) -> str:
    """Free text: what is not visible ASCII is percent-encoded, and so is the percent sign, so that it can be told back."""
    return quote(text, safe=_TEXT)


def encoded_target(target: str) -> str:
    """A request target. It is percent-encoded by its nature: only what may not stand in one is encoded here."""
    return quote(target, safe=_TARGET)


Item = Union[str, bytes, bool]


def parse_steps(value: Optional[str]) -> dict[str, Outcome]:
    """``Durable-Steps``: a List of Strings with parameters. What a later version adds to them is passed over.

    :raises ValueError: It is no such list.
    """
    steps: dict[str, Outcome] = {}
    if not value or not value.strip():
        return steps
    reader = _Reader(value)
    while True:
        reader.skip(" \t")
        step = reader.string()
        parameters: dict[str, Item] = {}
        while reader.take(";"):
            reader.skip(" ")
            key = reader.match(r"[a-z0-9_\-.*]+")
            parameters[key] = reader.item() if reader.take("=") else True
        ok, err = parameters.get("ok"), parameters.get("err")
        body = ok if isinstance(ok, bytes) else err
        if isinstance(body, bytes):
            failed = not isinstance(ok, bytes)
            content_type = parameters.get("ct", PROBLEM_TYPE if failed else JSON_TYPE)
            kind = parameters.get("t", "run")
            steps[step] = Outcome(failed, str(content_type), body, kind if isinstance(kind, str) else None)
        reader.skip(" \t")
        if reader.at_end:
            return steps
        if not reader.take(","):
            raise reader.unexpected()


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    @property
    def at_end(self) -> bool:
        return self._at == len(self._text)

    def unexpected(self) -> ValueError:
        here = "its end" if self.at_end else f"'{self._text[self._at]}'"
        return ValueError(f"{STEPS} cannot be read at position {self._at} ({here}).")

    def take(self, c: str) -> bool:
        if self._text.startswith(c, self._at):
            self._at += len(c)
            return True
        return False

    def skip(self, blanks: str) -> None:
        while not self.at_end and self._text[self._at] in blanks:
            self._at += 1

    def match(self, pattern: str) -> str:
        found = re.compile(pattern).match(self._text, self._at)
        if not found:
            raise self.unexpected()
        self._at = found.end()
        return found.group()

    def string(self) -> str:
        return re.sub(r"\\(.)", r"\1", self.match(r'"(?:[ !#-\[\]-~]|\\["\\])*"')[1:-1])

    def item(self) -> Item:
        """A Byte Sequence, a String or a Token; of anything else only that it is there."""
        if self._text.startswith(":", self._at):
            start, text = self._at, self.match(r":[A-Za-z0-9+/=]*:")
            try:
                return base64.b64decode(text[1:-1], validate=True)
            except binascii.Error:
                self._at = start
                raise self.unexpected() from None
        if self._text.startswith('"', self._at):
            return self.string()
        if self.take("%"):
            self.string()
            return True
        return self.match(r'[^\x00-\x20\x7f-\U0010ffff;,"=]+')
