"""A response that was received, and how it is stored."""

from __future__ import annotations

import base64
import email.utils
import inspect
import json
import urllib.error
import urllib.request
from datetime import datetime, timezone
from typing import Any, Awaitable, Callable, Iterable, Iterator, Mapping, Optional
from urllib.parse import urlsplit

from ._content import Content
from ._errors import FailedResponseError, StepUsageError
from ._headers import JSON_TYPE
from ._redirects import urlopen
from ._transport import HttpResponse

CONTENT_TYPE = "application/vnd.durable.http-response+json"

# 408 and 429 are no failures of the other side, but it asks to be called again.
_FAILED = (408, 429, 500, 502, 503, 504)
# They tell of a connection that is gone.
_HOP = {"connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"}


class Headers(Mapping[str, str]):
    """Headers by name, whatever its case. Several lines of one name are joined by a comma; :meth:`get_list` gives them one by one."""

    def __init__(self, items: Iterable[tuple[str, str]]) -> None:
        self.items_list = list(items)

    def get_list(self, name: str) -> list[str]:
        return [value for key, value in self.items_list if key.lower() == name.lower()]

    def __getitem__(self, name: str) -> str:
        values = self.get_list(name)
        if not values:
            raise KeyError(name)
        return ", ".join(values)

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(key.lower() for key, _ in self.items_list))

    def __len__(self) -> int:
        return len({key.lower() for key, _ in self.items_list})

    def __repr__(self) -> str:
        return f"Headers({self.items_list!r})"


class Response:
    """An HTTP response, with its whole body."""

    def __init__(
        self, status: int, headers: Iterable[tuple[str, str]], body: bytes, *, reason: str = "", url: Optional[str] = None
    ) -> None:
        self.status = status
        self.reason = reason
        self.headers = Headers(headers)
        self.body = body
        self.url = url
        """Where it came from, where that is known. It is not stored with a step."""

    @property
    def ok(self) -> bool:
        """Whether the status is below 400."""
        return self.status < 400

    @property
    def text(self) -> str:
        kind = self.headers.get("content-type", "")
        charset = next(
            (part.split("=", 1)[1].strip(" \"'") for part in kind.split(";")[1:] if part.strip().lower().startswith("charset=")), "utf-8"
        )
        try:
            return self.body.decode(charset, "replace")
        except LookupError:
            return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        return json.loads(self.body)

    def __repr__(self) -> str:
        return f"<Response {self.status}>"

    @classmethod
    def of(cls, response: HttpResponse, url: str) -> Response:
        return cls(response.status, response.headers, response.body, reason=response.reason, url=url)


class ResponseContent(Content):
    """How a fetched response becomes bytes and comes back."""

    def __init__(self, step: str) -> None:
        self._step = step

    def receive(self, result: Any) -> Any:
        read = self._read(result)
        return _then(read, _unless_failed) if inspect.isawaitable(read) else _unless_failed(read)

    def write(self, result: Response) -> tuple[str, bytes, Response]:
        stored = {
            "status": result.status,
            "reason": result.reason,
            "version": "1.1",
            "headers": [[name, value] for name, value in result.headers.items_list if name.lower() not in _HOP],
            "body": base64.b64encode(result.body).decode("ascii"),
        }
        encoded = json.dumps(stored, separators=(",", ":")).encode("ascii")
        return CONTENT_TYPE, encoded, self.read(CONTENT_TYPE, encoded)

    def read(self, content_type: str, body: bytes) -> Response:
        stored = json.loads(body)
        status = stored["status"]
        if not isinstance(status, int) or not 100 <= status <= 999:
            raise ValueError(f"{status!r} is not the status of a response.")
        headers = [(str(name), str(value)) for name, value in stored["headers"]]
        return Response(status, headers, base64.b64decode(stored["body"], validate=True), reason=stored.get("reason") or "")

    def _read(self, result: Any) -> Any:
        """What the libraries that people use call a response: requests, httpx, aiohttp, urllib, http.client."""
        if isinstance(result, Response):
            return result
        headers = getattr(result, "headers", None)
        if headers is None:
            raise StepUsageError(
                f"Step '{self._step}' returns {type(result).__name__} instead of a response. Return the response of the HTTP client."
            )
        url = str(getattr(result, "url", "") or "") or None
        items = list(getattr(headers, "multi_items", headers.items)())
        if hasattr(result, "status_code"):
            reason = getattr(result, "reason_phrase", None) or getattr(result, "reason", None) or ""
            return Response(result.status_code, _decoded(items), result.content, reason=str(reason), url=url)
        reason = str(getattr(result, "reason", None) or "")
        body = result.read()
        if inspect.isawaitable(body):
            return _then(body, lambda content: Response(result.status, _decoded(items), content, reason=reason, url=url))
        getattr(result, "close", lambda: None)()
        return Response(result.status, items, body, reason=reason, url=url)


def send(
    url: str, method: str, headers: Optional[Mapping[str, str]], body: Optional[bytes], json_body: Any, timeout: Optional[float]
) -> Response:
    """Sends a request by the standard library, which follows redirects and knows of proxies."""
    said = dict(headers or {})
    if json_body is not None:
        body = json.dumps(json_body).encode()
        said.setdefault("Content-Type", JSON_TYPE)
    request = urllib.request.Request(url, data=body, headers=said, method=method)
    try:
        answer = urlopen(request, 60.0 if timeout is None else timeout)
    except urllib.error.HTTPError as e:
        answer = e
    with answer:
        return Response(answer.status, answer.headers.items(), answer.read(), reason=answer.reason, url=answer.geturl())


def retry_after(value: Optional[str]) -> Optional[float]:
    """Seconds, from either form of ``Retry-After``."""
    if not value:
        return None
    try:
        return max(0.0, float(value)) if value.strip()[:1].isdigit() else max(0.0, _until(email.utils.parsedate_to_datetime(value)))
    except (TypeError, ValueError):
        return None


def _until(time: datetime) -> float:
    return (time if time.tzinfo else time.replace(tzinfo=timezone.utc)).timestamp() - datetime.now(timezone.utc).timestamp()


def _unless_failed(response: Response) -> Response:
    if response.status in _FAILED:
        # Neither path nor query: they may hold what no log should.
        who = urlsplit(response.url).netloc.rpartition("@")[2] if response.url else "The other side"
        raise FailedResponseError(
            f"{who} answered {response.status} ({response.reason}).", response.status, retry_after(response.headers.get("retry-after"))
        )
    return response


def _decoded(items: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Their bodies are decoded already."""
    encoded = any(name.lower() == "content-encoding" for name, _ in items)
    dropped = ("content-encoding", "content-length") if encoded else ()
    return [(name, value) for name, value in items if name.lower() not in dropped]


async def _then(read: Awaitable[Any], act: Callable[[Any], Response]) -> Response:
    return act(await read)
