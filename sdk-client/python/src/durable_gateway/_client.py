"""The client's side: a request to a durable route, to its final response."""

from __future__ import annotations

import base64
import json
import random
import time
import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Callable, Mapping, MutableMapping, Optional, Union
from urllib.parse import parse_qsl, urljoin, urlsplit

from . import _headers as h
from ._content import is_json
from ._errors import DurableError
from ._io import Io
from ._response import Response, retry_after
from ._transport import Headers, HttpRequest, HttpResponse, HttpStream, HttpTransport, ResponseCutOff

_SAFE = ("GET", "HEAD", "OPTIONS")
_REDIRECTS = (301, 302, 303, 307, 308)
_MAX_REDIRECTS = 20
# How often a call is repeated that gets no answer, in a row.
_MAX_FAILURES = 8
_CREDENTIALS = ("authorization", "cookie", "proxy-authorization")
_OF_CONTENT = ("content-type", "content-length", "content-encoding", "idempotency-key", "prefer")
_EVENTS = ("attempt", "step", "suspended")


@dataclass(frozen=True)
class Progress:
    """What has happened in a run."""

    event: str
    """``attempt``, ``step`` or ``suspended``."""
    attempt: int
    step: Optional[str] = None
    state: Optional[str] = None
    """Of a step: ``completed``, ``failed``, ``retrying``, ``running``, ``sleeping``, ``waiting``."""
    until: Optional[datetime] = None
    failed: bool = False
    """Of ``suspended``: whether the attempt failed."""
    time: Optional[datetime] = None


class ResultPendingError(DurableError, TimeoutError):
    """The result has not come in time, or cannot be asked for now. The run continues."""

    def __init__(self, message: str, result_url: Optional[str]) -> None:
        super().__init__(message)
        self.result_url = result_url
        """Where the result will be: give it to ``resume``. None where it is not known whether there is a run."""


class Fetch:
    """One request.

    :param store: Keeps the result URL under ``store_key`` until the result is there.
    """

    def __init__(
        self,
        io: Io,
        transport: HttpTransport,
        *,
        headers: Optional[Mapping[str, str]],
        on_progress: Optional[Callable[[Progress], Any]],
        on_accepted: Optional[Callable[[str], Any]],
        timeout: Optional[float],
        call_timeout: float,
        store: Optional[MutableMapping[str, str]] = None,
        store_key: Optional[str] = None,
    ) -> None:
        if (store is None) != (store_key is None):
            raise ValueError("store and store_key must be given together: the store keeps the result URL under the key.")
        self._io = io
        self._transport = transport
        self._headers: Headers = list((headers or {}).items())
        self._on_progress = on_progress
        self._on_accepted = on_accepted
        self._deadline = None if timeout is None else time.monotonic() + timeout
        self._call_timeout = call_timeout
        self._store = store
        self._store_key = store_key or ""
        self._result_url: Optional[str] = None
        self._failures = 0
        self._last_event = ""

    async def request(self, method: str, url: str, body: bytes, idempotency_key: Optional[str]) -> Response:
        kept = None if self._store is None else self._store.get(self._store_key)
        if kept is not None:
            response = await self.result(kept)
            # Its run is not known any more, or never was: the request is sent as if for the first time.
            if not _is_unknown(response):
                return response
        headers = self._headers
        if not any(name.lower() == "idempotency-key" for name, _ in headers):
            if idempotency_key is not None or method not in _SAFE:
                headers = [*headers, ("Idempotency-Key", f'"{idempotency_key or uuid.uuid4()}"')]
        while True:
            answered = await self._answered(HttpRequest(method, url, headers, body))
            if isinstance(answered, Response):
                return self._final(answered)
            if answered is None:
                continue
            response = await self.result(answered)
            if not _is_unknown(response):
                return response
            # It was not stored after all. With its key the request may be sent again.
            await self._pause(None)

    async def result(self, url: str) -> Response:
        """Waits for the result at a result URL."""
        self._accept(url)
        at, referred = url, 0
        headers = [each for each in self._headers if each[0].lower() not in _OF_CONTENT]
        while True:
            try:
                if self._on_progress is not None and _is_result_url(at):
                    response = await self._watch(HttpRequest("GET", at, headers))
                    if response is None:
                        await self._pause(None)
                        continue
                else:
                    response = await self._send(HttpRequest("GET", at, headers))
            except DurableError:
                raise
            except Exception as e:
                await self._failed(e)
                continue
            if response.status in _REDIRECTS and "location" in response.headers:
                following = urljoin(at, response.headers["location"])
                referred = 0 if _is_result_url(following) else referred + 1
                if referred > _MAX_REDIRECTS:
                    return self._final(response)
                headers, at = _across(at, following, headers), following
                continue
            if response.status == 202 and response.headers.get(h.STATUS) in ("running", "waiting"):
                at = url
            elif not _is_gateways(response, 503):
                return self._final(response)
            await self._pause(retry_after(response.headers.get("retry-after")))

    async def _answered(self, request: HttpRequest) -> Union[Response, str, None]:
        """The final response, or the URL at which it will be; None where the request is to be sent again."""
        for _ in range(_MAX_REDIRECTS + 1):
            try:
                response = await self._send(request)
            except ResponseCutOff as e:
                result = e.response.header(h.RESULT)
                if result is not None:
                    return urljoin(request.url, result)
                await self._lost(request, e)
                return None
            except DurableError:
                raise
            except Exception as e:
                await self._lost(request, e)
                return None
            location = response.headers.get("location")
            if response.status in _REDIRECTS and location is not None:
                following = urljoin(request.url, location)
                if _is_result_url(following):
                    return following
                request = _redirected(request, response.status, following)
                continue
            if response.status == 202 and location is not None and "respond-async" in response.headers.get("preference-applied", ""):
                return urljoin(request.url, location)
            if _is_gateways(response, 503):
                if h.RESULT in response.headers:
                    return urljoin(request.url, response.headers[h.RESULT])
                self._failures += 1
                if self._failures <= _MAX_FAILURES:
                    await self._pause(retry_after(response.headers.get("retry-after")))
                    return None
            return response
        return response

    async def _lost(self, request: HttpRequest, error: Exception) -> None:
        if request.method not in _SAFE and not any(name.lower() == "idempotency-key" for name, _ in request.headers):
            raise error
        await self._failed(error)

    async def _send(self, request: HttpRequest) -> Response:
        left = self._left()
        timeout = self._call_timeout if left is None else min(left, self._call_timeout)
        response = await self._io.in_thread(lambda: self._transport.send(request, timeout))
        self._failures = 0
        return Response.of(response, request.url)

    async def _watch(self, request: HttpRequest) -> Optional[Response]:
        """Reads the run's history as it is made. None: the stream has ended before the run."""
        said = [each for each in request.headers if each[0].lower() != "accept"]
        said.append(("Accept", "text/event-stream"))
        if self._last_event:
            said.append(("Last-Event-ID", self._last_event))
        left = self._left()
        silence = self._call_timeout if left is None else min(left, self._call_timeout)
        stream = await self._io.in_thread(lambda: self._transport.stream(HttpRequest("GET", request.url, said), silence))
        try:
            self._failures = 0
            if not (stream.header("Content-Type") or "").startswith("text/event-stream"):
                if stream.status == 204:
                    return await self._send(request)
                body = await self._io.in_thread(stream.read)
                return Response.of(HttpResponse(stream.status, stream.headers, body, stream.reason), request.url)
            return await self._events(stream, request)
        finally:
            stream.close()

    async def _events(self, stream: HttpStream, request: HttpRequest) -> Optional[Response]:
        event, data = "message", ""
        while True:
            self._left()
            line = (await self._io.in_thread(stream.readline)).decode("utf-8", "replace")
            if not line:
                return None
            name, _, value = line.rstrip("\r\n").partition(":")
            value = value[1:] if value.startswith(" ") else value
            if name == "id":
                self._last_event = value
            elif name == "event":
                event = value
            elif name == "data":
                data = f"{data}\n{value}" if data else value
            elif not line.strip() and data:
                if event == "result":
                    return _result_of(json.loads(data), request.url)
                if event not in _EVENTS:
                    # It is the service's own stream, and the result.
                    self._on_progress = None
                    return await self._send(request)
                assert self._on_progress is not None
                self._on_progress(_progress_of(event, json.loads(data)))
                event, data = "message", ""

    def _accept(self, url: str) -> None:
        if self._result_url == url:
            return
        self._result_url = url
        if self._store is not None:
            self._store[self._store_key] = url
        if self._on_accepted is not None:
            self._on_accepted(url)

    def _final(self, response: Response) -> Response:
        if self._store is not None:
            self._store.pop(self._store_key, None)
        return response

    def _left(self) -> Optional[float]:
        if self._deadline is None:
            return None
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise ResultPendingError("The result did not arrive in time. The run continues.", self._result_url)
        return left

    async def _failed(self, error: Exception) -> None:
        self._failures += 1
        if self._failures > _MAX_FAILURES:
            raise ResultPendingError(f"There was no answer: {type(error).__name__}: {error}", self._result_url) from error
        await self._pause(None)

    async def _pause(self, seconds: Optional[float]) -> None:
        left = self._left()
        pause = max(seconds or 0.0, min(0.25 * 2**self._failures, 10.0) * random.uniform(0.5, 1.0))
        await self._io.sleep(pause if left is None else min(pause, left))


def _result_of(data: dict[str, Any], url: str) -> Response:
    body = data.get("body") or ""
    content = base64.b64decode(body) if data.get("encoding") == "base64" else body.encode()
    return Response(data["status"], [(name, value) for name, value in data["headers"]], content, url=url)


def _progress_of(event: str, data: dict[str, Any]) -> Progress:
    def at(name: str) -> Optional[datetime]:
        text = data.get(name)
        try:
            return datetime.fromisoformat(text[:-1] + "+00:00" if text.endswith("Z") else text) if isinstance(text, str) else None
        except ValueError:
            return None

    return Progress(event, data.get("attempt", 0), data.get("step"), data.get("state"), at("until"), bool(data.get("failed")), at("time"))


def _is_result_url(url: str) -> bool:
    parts = urlsplit(url)
    return "/_durable/v1/results/" in parts.path or any(name == "durable-result" for name, _ in parse_qsl(parts.query))


def _is_gateways(response: Response, status: int) -> bool:
    """Whether it is the gateway that answers so, and not the service."""
    if response.status != status or not is_json(response.headers.get("content-type", "")):
        return False
    try:
        problem = response.json()
    except ValueError:
        return False
    return (
        isinstance(problem, dict) and str(problem.get("type", "")).startswith("/_durable/problems/") and problem.get("source") != "service"
    )


def _is_unknown(response: Response) -> bool:
    return _is_gateways(response, 404)


def _redirected(request: HttpRequest, status: int, url: str) -> HttpRequest:
    headers = _across(request.url, url, request.headers)
    if status == 303 and request.method != "HEAD" or status in (301, 302) and request.method == "POST":
        return HttpRequest("GET", url, [each for each in headers if each[0].lower() not in _OF_CONTENT])
    return HttpRequest(request.method, url, headers, request.body)


def _across(origin: str, url: str, headers: Headers) -> Headers:
    """Credentials are not given to another origin."""
    if urlsplit(origin)[:2] == urlsplit(url)[:2]:
        return headers
    return [each for each in headers if each[0].lower() not in _CREDENTIALS]
