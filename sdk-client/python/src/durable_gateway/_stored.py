"""The outcomes that earlier attempts left, and what the handler has asked for of them."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Optional

from ._activity import Activity
from ._errors import CheckpointError
from ._gateway import Gateway
from ._headers import Outcome, sf_string
from ._names import ROLLBACK_BEGUN, callback_of

if TYPE_CHECKING:
    from ._io import Io

# A header that is too long would cost the answer; that there is a difference is said by the first ones.
_MAX_MISMATCH_CHARS = 4096


class StoredSteps:
    """:param complete: Whether what is known is all there is."""

    def __init__(self, known: dict[str, Outcome], complete: bool, gateway: Optional[Gateway], activity: Activity) -> None:
        self._known = known
        self._complete = complete
        self._gateway = gateway
        self._lock = threading.Lock()
        self._asked: dict[str, str] = {}
        self._optional: set[str] = set()
        self._activity = activity
        self._reading = False
        self._unreadable: Optional[CheckpointError] = None

    async def find(self, io: Io, step: str, kind: str) -> Optional[Outcome]:
        """The stored outcome of a step, if there is one. Those that did not fit into the header are read once.

        :raises CheckpointError: They cannot be read.
        """
        with self._lock:
            self._asked[step] = kind
        if step not in self._known and not self._complete:
            await self._rest(io)
        return self._known.get(step)

    def peek(self, step: str) -> Optional[Outcome]:
        """The same, of what has been read so far. Nothing that the handler asks for."""
        return self._known.get(step)

    @property
    def has_unasked(self) -> bool:
        """Whether outcomes are stored that the handler has not asked for, those of unregistered compensations included."""
        with self._lock:
            return any(step not in self._asked and not self._is_optional(step) for step in self._known)

    def make_optional(self, step: str) -> None:
        """The handler need not reach it."""
        with self._lock:
            self._optional.add(step)

    def mismatches(self, finished: bool) -> Optional[str]:
        """How the handler differs from what is stored, as the value of ``Durable-Mismatch``; None where it does not.

        :param finished: Whether the handler has asked for all that it ever will.
        """
        items: list[str] = []
        length = 0
        with self._lock:
            for step, outcome in self._known.items():
                asked = self._asked.get(step)
                if asked is not None and outcome.type is not None and outcome.type != asked:
                    item = f";stored={outcome.type};asked={asked}"
                elif asked is None and finished and not self._is_optional(step):
                    item = ";unused"
                else:
                    continue
                item = sf_string(step) + item
                length += len(item) + 2
                if length > _MAX_MISMATCH_CHARS:
                    break
                items.append(item)
        return ", ".join(items) or None

    async def _rest(self, io: Io) -> None:
        assert self._gateway is not None
        while not self._complete:
            with self._activity.lock:
                if self._unreadable is not None:
                    raise CheckpointError(str(self._unreadable)) from self._unreadable
                mine = not self._reading
                self._reading = True
            if not mine:
                await io.wait(self._activity, lambda: not self._reading)
                continue
            try:
                self._known = {**await self._gateway.get_steps(io), **self._known}
                self._complete = True
            except CheckpointError as e:
                self._unreadable = e
                raise
            finally:
                with self._activity.lock:
                    self._reading = False
                    self._activity.changed()

    def _is_optional(self, step: str) -> bool:
        if step in self._optional or step == ROLLBACK_BEGUN:
            return True
        # A callback that is complete is not handed out again.
        callback = callback_of(step)
        if callback is None:
            return False
        stored = self._known.get(callback)
        return self._asked.get(callback) == "callback" or (stored is not None and stored.type == "callback")
