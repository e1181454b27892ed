"""The client's side: :func:`durable_fetch` sends a request to a durable route and gives its final response, whatever happens in between.

Any HTTP client that follows redirects works with the gateway. This one also survives lost connections, shows progress, and sends an
``Idempotency-Key``, so that a request that is sent again is the same run. The synchronous twin is
:func:`durable_gateway.sync.durable_fetch`.
"""

from __future__ import annotations

import json as _json
from typing import Any, Callable, Mapping, MutableMapping, Optional

from ._client import Fetch, Progress, ResultPendingError
from ._io import Io, LoopIo
from ._options import Seconds, seconds
from ._response import Response
from ._transport import HttpTransport

__all__ = ["Progress", "ResultPendingError", "durable_fetch", "resume"]

_shared = HttpTransport()
# Longer than a live attempt may take by default.
_CALL_TIMEOUT = 120.0


async def durable_fetch(
    url: str,
    *,
    method: Optional[str] = None,
    headers: Optional[Mapping[str, str]] = None,
    body: Optional[bytes] = None,
    json: Any = None,
    idempotency_key: Optional[str] = None,
    on_progress: Optional[Callable[[Progress], Any]] = None,
    on_accepted: Optional[Callable[[str], Any]] = None,
    timeout: Optional[Seconds] = None,
    store: Optional[MutableMapping[str, str]] = None,
    store_key: Optional[str] = None,
    transport: Optional[HttpTransport] = None,
) -> Response:
    """Sends a request, and gives its final response: it follows the redirect to the result, waits for that, and continues after lost
    connections.

    :param method: By default ``POST`` where there is a body, else ``GET``.
    :param json: A body as JSON.
    :param idempotency_key: By default a random one, unless the method is ``GET``, ``HEAD`` or ``OPTIONS``.
    :param on_progress: Called with each event of the run once the request has been redirected to its result.
    :param on_accepted: Called with the result URL when it is known. Who has it can read the result.
    :param timeout: How long to wait in all. The run continues after it.
    :param store: Keeps the result URL under ``store_key``, so that the same call in another process continues with the same run: a
        dictionary, a ``shelve``.
    :raises ResultPendingError: The result has not come in time, or nobody answers.
    """
    given, said, content = prepared(method, headers, body, json)
    fetch = new_fetch(LoopIo(), transport, said, on_progress, on_accepted, timeout, store, store_key)
    return await fetch.request(given, url, content, idempotency_key)


async def resume(
    result_url: str,
    *,
    headers: Optional[Mapping[str, str]] = None,
    on_progress: Optional[Callable[[Progress], Any]] = None,
    timeout: Optional[Seconds] = None,
    transport: Optional[HttpTransport] = None,
) -> Response:
    """Waits for the result at a result URL that was kept."""
    return await new_fetch(LoopIo(), transport, headers, on_progress, None, timeout, None, None).result(result_url)


def prepared(
    method: Optional[str], headers: Optional[Mapping[str, str]], body: Optional[bytes], json: Any
) -> tuple[str, Mapping[str, str], bytes]:
    said = dict(headers or {})
    content = body or b""
    if json is not None:
        content = _json.dumps(json).encode()
        if not any(name.lower() == "content-type" for name in said):
            said["Content-Type"] = "application/json"
    return (method or ("GET" if body is None and json is None else "POST")).upper(), said, content


def new_fetch(
    io: Io,
    transport: Optional[HttpTransport],
    headers: Optional[Mapping[str, str]],
    on_progress: Optional[Callable[[Progress], Any]],
    on_accepted: Optional[Callable[[str], Any]],
    timeout: Optional[Seconds],
    store: Optional[MutableMapping[str, str]],
    store_key: Optional[str],
) -> Fetch:
    return Fetch(
        io,
        transport or _shared,
        headers=headers,
        on_progress=on_progress,
        on_accepted=on_accepted,
        timeout=None if timeout is None else seconds(timeout, "timeout"),
        call_timeout=_CALL_TIMEOUT,
        store=store,
        store_key=store_key,
    )
