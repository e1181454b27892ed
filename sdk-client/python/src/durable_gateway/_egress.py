"""What hands a run on with the calls of its service through the egress listener of the gateway."""

from __future__ import annotations

from . import _headers as h
from ._attempt import current
from ._runner import inside


def egress_headers() -> dict[str, str]:
    """The headers of a call to the egress listener of the gateway, by a client of your own. They say which run the call belongs to, so that
    the gateway can remember it, and whether it is made in a step, whose outcome is stored already. Send them nowhere else.

    There are none outside of handlers, and where the gateway has no such listener.
    """
    attempt = current.get()
    if attempt is None or not attempt.egress_token:
        return {}
    return {h.EGRESS_TOKEN: attempt.egress_token, **in_step()}


def in_step() -> dict[str, str]:
    """The mark of a call that is made in a step, if the gateway could take it for one of its own."""
    attempt, outer = current.get(), inside.get()
    if attempt is None or not attempt.egress_token or outer is None or outer[0] is not attempt.runner:
        return {}
    return {h.IN_STEP: "?1"}
