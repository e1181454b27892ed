"""What the arguments of a step come to, for both kinds of handlers."""

from __future__ import annotations

import re
import urllib.request
from datetime import datetime
from typing import Any, Callable, Mapping, Optional, Union

from . import _headers as h
from . import _response
from ._egress import in_step
from ._options import Seconds, seconds
from ._response import Response
from ._runner import until
from ._transport import Headers

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")


def sleep(time: Seconds) -> tuple[Headers, Callable[[], float]]:
    span = seconds(time, "A sleep")
    return [(h.STEP_FOR, h.decimal_seconds(span))], lambda: span


def sleep_until(time: datetime) -> tuple[Headers, Callable[[], float]]:
    text, left = until(time)
    return [(h.STEP_UNTIL, text)], left


def timeout(span: Optional[Seconds]) -> Headers:
    return [] if span is None else [(h.STEP_TIMEOUT, h.decimal_seconds(seconds(span, "timeout")))]


def wait_for_event(event_type: str, key: Optional[str], span: Optional[Seconds], lookback: Optional[Seconds]) -> Headers:
    if not event_type or not event_type.strip():
        raise ValueError("A wait must have an event type: the type of the CloudEvent.")
    if key == "":
        raise ValueError("The key must not be empty. Omit it to accept the next event of the type with any key.")
    headers = [(h.EVENT_TYPE, h.encoded_text(event_type)), *timeout(span)]
    if key is not None:
        headers.append((h.EVENT_KEY, h.encoded_text(key)))
    if lookback is not None:
        headers.append((h.EVENT_LOOKBACK, h.decimal_seconds(seconds(lookback, "lookback"))))
    return headers


def invoke(path: str, method: str) -> Headers:
    if not path.startswith("/") or path.startswith("//") or "#" in path:
        raise ValueError(f"'{path}' is not the path of a route. Give the part after the host, such as '/invoices?dry=1'.")
    if not _TOKEN.fullmatch(method):
        raise ValueError(f"'{method}' is not an HTTP method.")
    return [(h.INVOKE_PATH, h.encoded_target(path)), (h.INVOKE_METHOD, method)]


def send(
    target: Union[str, urllib.request.Request],
    method: str,
    headers: Optional[Mapping[str, str]],
    body: Optional[bytes],
    json: Any,
    span: Optional[float],
) -> Response:
    if isinstance(target, str):
        return _response.send(target, method, {**(headers or {}), **in_step()}, body, json, span)
    data = target.data if isinstance(target.data, bytes) else None
    return _response.send(target.full_url, target.get_method(), {**dict(target.header_items()), **in_step()}, data, None, span)
