"""What hands a run on with the calls of its service through the egress listener of the gateway."""

from __future__ import annotations

import copy
import urllib.request
from typing import Any, Union

from . import _headers as h
from ._attempt import current
from ._redirects import urlopen
from ._runner import inside


def egress_headers() -> dict[str, str]:
    """The headers of a call to the egress listener of the gateway, by a client of your own. They say which run the call belongs to, so that
    the gateway can remember it, and whether it is made in a step, whose outcome is stored already. Send them nowhere else:
    the client must not take them along when it follows a redirect to another origin. Most clients do, :func:`egress_open` does not.

    There are none outside of handlers, and where the gateway has no such listener.
    """
    attempt = current.get()
    if attempt is None or not attempt.egress_token:
        return {}
    return {h.EGRESS_TOKEN: attempt.egress_token, **in_step()}


def egress_open(request: Union[str, urllib.request.Request], *, timeout: float = 60.0) -> Any:
    """Calls the egress listener of the gateway: ``urllib.request.urlopen`` with :func:`egress_headers`.

    A redirect to another origin does not take them with it. It has its own opener, and not the one of ``urllib.request.install_opener``.
    """
    # The caller may send the request again, elsewhere and without a run.
    sent = urllib.request.Request(request) if isinstance(request, str) else copy.copy(request)
    sent.headers = dict(sent.headers)
    for name, value in egress_headers().items():
        sent.add_header(name, value)
    return urlopen(sent, timeout)


def in_step() -> dict[str, str]:
    """The mark of a call that is made in a step, if the gateway could take it for one of its own."""
    attempt, outer = current.get(), inside.get()
    if attempt is None or not attempt.egress_token or outer is None or outer[0] is not attempt.runner:
        return {}
    return {h.IN_STEP: "?1"}
