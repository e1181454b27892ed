"""Which steps of an attempt are executing and which are parked, and so whether the handler can continue."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Callable, Optional

if TYPE_CHECKING:
    from ._io import Io

# The time is measured in pieces: a process that stands still for longer than all of it loses one piece, and the handler gets its turn
# before the next one is over.
_PIECES = 10
# How many pieces are waited for branches that ask for steps again and again though they get none any more.
_MAX_PIECES = 10 * _PIECES
# A handler that may work for hours between its steps is not waited for that long after it has failed.
_MAX_QUIET = 5.0


class Activity:
    """One attempt's steps. A step is executing from its beginning until its outcome is known, its checkpoint included; it is parked while
    its outcome belongs to a later attempt.

    Branches may be tasks of an event loop, threads, or both. So all state has one lock, and whoever waits for a change of it is called.
    """

    def __init__(self, suspend_after: float) -> None:
        self.suspend_after = suspend_after
        self.lock = threading.RLock()
        self._executing: set[str] = set()
        self._parked: set[str] = set()
        self._going_on: set[str] = set()
        self._begun = 0
        self._suspended = False
        self._refused = False
        self._released = False
        self._ended = False
        self.has_parked = False
        """Whether any step of this attempt was parked."""
        self.left_behind = False
        """Whether steps were executing when the handler ended."""
        self.on_first_park: Optional[Callable[[], None]] = None
        self._listening: list[Callable[[], None]] = []
        self._on_release: dict[object, Callable[[], None]] = {}

    @property
    def piece(self) -> float:
        """A part of the time that an attempt continues in which nothing happens."""
        return max(0.001, self.suspend_after / _PIECES)

    @property
    def suspended(self) -> bool:
        """Whether the attempt has been suspended: nothing new begins in it."""
        return self._suspended

    @property
    def has_open_branches(self) -> bool:
        """Whether a branch has not come to its end: it may not have asked for all of its steps."""
        with self.lock:
            return self.left_behind or self.has_parked or bool(self._executing)

    @property
    def parked(self) -> str:
        with self.lock:
            return ", ".join(sorted(self._parked))

    def enter(self, step: str) -> None:
        with self.lock:
            self._begun += 1
            self._executing.add(step)
            self.changed()

    def leave(self, step: str, goes_on: bool) -> None:
        """The step's outcome is known.

        :param goes_on: Whether :meth:`went_on` follows.
        """
        with self.lock:
            # Who was parked has nothing to continue with.
            if step in self._executing:
                self._executing.remove(step)
                if goes_on:
                    self._going_on.add(step)
            self._parked.discard(step)
            self.changed()

    def went_on(self, step: str) -> None:
        """The branch that waited for a step has continued with its outcome, up to its next wait."""
        with self.lock:
            self._going_on.discard(step)
            self.changed()

    def touch(self) -> None:
        """A branch does something that is no step, and so it is not at its end."""
        with self.lock:
            self._begun += 1

    def park(self, step: str, parent: Optional[str]) -> None:
        """The step's outcome comes in a later attempt.

        :param parent: The callback that the step hands out: it waits for the step.
        """
        with self.lock:
            first = not self.has_parked
            self.has_parked = True
            for each in (step, parent):
                if each is not None and each in self._executing:
                    self._executing.remove(each)
                    self._parked.add(each)
            self.changed()
        if first and self.on_first_park is not None:
            self.on_first_park()

    def refuse(self) -> None:
        """Notes that a step did not begin because the attempt is suspended."""
        with self.lock:
            self._refused = True

    def end(self) -> None:
        """The handler has ended. If nobody has been told of a suspension yet, its own end counts."""
        with self.lock:
            self._ended = True
            if not self._released:
                self._suspended = self._suspended and self._refused
            self.changed()

    @property
    def ended(self) -> bool:
        """Whether the handler has ended."""
        return self._ended

    def release(self) -> None:
        """Ends the wait of the parked steps, so that code which must run when they are left does run."""
        with self.lock:
            self._released = True
            waiting = list(self._on_release.values())
            self.changed()
        for wake in waiting:
            wake()

    def when_released(self, key: object, wake: Callable[[], None]) -> None:
        with self.lock:
            if not self._released:
                self._on_release[key] = wake
                return
        wake()

    def forget(self, key: object) -> None:
        with self.lock:
            self._on_release.pop(key, None)

    def listen(self, wake: Callable[[], None]) -> None:
        """Calls at each change, under the lock."""
        self._listening.append(wake)

    def unlisten(self, wake: Callable[[], None]) -> None:
        self._listening.remove(wake)

    async def drain(self, io: Io) -> None:
        """Waits until no step is executing."""
        with self.lock:
            if not self._executing:
                return
            self.left_behind = True
        await io.wait(self, lambda: not self._executing)

    async def gone_on(self, io: Io) -> None:
        """Waits until, moreover, each branch has continued with the outcome that it has got."""
        await io.wait(self, lambda: not self._executing and not self._going_on)

    async def quiet(self, io: Io, is_over: Callable[[], bool]) -> None:
        """Waits until no branch that was left behind has done anything for a while."""
        piece = max(0.001, min(self.suspend_after, _MAX_QUIET) / _PIECES)
        begun, still = self._begun, 0
        for _ in range(_MAX_PIECES):
            if still == _PIECES or is_over():
                return
            await io.wait(self, is_over, piece)
            still = still + 1 if begun == self._begun else 0
            begun = self._begun

    async def watch(self, io: Io) -> bool:
        """Waits until the handler has ended, or cannot continue: steps are parked, none is executing, and none has begun for a time.

        :returns: Whether it cannot continue. The attempt is suspended then.
        """
        while True:
            await io.wait(self, lambda: self._ended or (bool(self._parked) and not self._executing))
            begun = self._begun
            for _ in range(_PIECES):
                if await io.wait(self, lambda: self._ended or begun != self._begun, self.piece):
                    break
            with self.lock:
                if self._ended:
                    return False
                if begun == self._begun and self._parked and not self._executing:
                    self._suspended = True
                    return True

    def changed(self) -> None:
        """Something has changed that others wait for. The caller has the lock."""
        for wake in self._listening:
            wake()
