"""What a redirect to another origin does not take with it."""

from __future__ import annotations

import urllib.request
from http.client import HTTPMessage
from typing import IO, Any, Optional
from urllib.parse import urlsplit

from . import _headers as h

_OF_THE_ORIGIN = {"authorization", "cookie", "host", "proxy-authorization", h.EGRESS_TOKEN.lower(), h.IN_STEP.lower()}
_PORTS = {"http": 80, "https": 443}


class EgressRedirectHandler(urllib.request.HTTPRedirectHandler):
    """Makes an opener of ``urllib`` drop the headers of :func:`egress_headers`, and credentials, at a redirect to another origin.

    ``urllib`` itself takes all headers along, so any service that is called could collect the token by a redirect to itself.
    :func:`egress_open` has this handler; it is for openers of your own: ``urllib.request.build_opener(EgressRedirectHandler, …)``.
    """

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> Optional[urllib.request.Request]:
        request = super().redirect_request(req, fp, code, msg, headers, newurl)
        if request is not None and _origin(req.full_url) != _origin(request.full_url):
            for name in [name for name, _ in request.header_items() if name.lower() in _OF_THE_ORIGIN]:
                request.remove_header(name)
        return request


def urlopen(request: urllib.request.Request, timeout: Optional[float]) -> Any:
    """As ``urllib`` does, by the opener that the program has installed, unless the request bears the token."""
    if any(name.lower() == h.EGRESS_TOKEN.lower() for name, _ in request.header_items()):
        return urllib.request.build_opener(EgressRedirectHandler).open(request, timeout=timeout)
    return urllib.request.urlopen(request, timeout=timeout)


def _origin(url: str) -> tuple[str, Optional[str], Optional[int]]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme)
