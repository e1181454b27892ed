"""The ids of an attempt's steps."""

from __future__ import annotations

import contextvars
import threading
from typing import Optional

from ._activity import Activity
from ._errors import StepUsageError

ROLLBACK_BEGUN = "rollback begun"
"""The step that keeps why a run is rolled back."""

_HANDED_OUT = " handed out"
_MAX_ID_BYTES = 256


def hand_out_of(callback: str) -> str:
    """The step that hands the URL of a callback out. By the callback's id: each use of a name is handed out for itself."""
    return callback + _HANDED_OUT


def callback_of(step: str) -> Optional[str]:
    """The callback that a step hands out; None for other steps."""
    return step[: -len(_HANDED_OUT)] if step.endswith(_HANDED_OUT) else None


def too_late(name: str) -> StepUsageError:
    return StepUsageError(f"Step '{name}' starts after the handler has ended. Await every step in the handler, or join its thread.")


class _Flow:
    """A step in the order in which the handler's code began it.

    Each branch of the handler has a chain of its own: what a task or a thread sets in its context does not reach the code that started it.
    """

    __slots__ = ("owner", "before", "depth", "turn")

    def __init__(self, owner: object, before: Optional[_Flow], turn: int) -> None:
        self.owner = owner
        self.before = before
        self.depth: int = 0 if before is None else before.depth + 1
        self.turn = turn

    def might_precede(self, earlier: _Flow) -> bool:
        """Whether an earlier step could as well have begun after this one: they belong to different branches, and this one's branch had
        begun a step already when the earlier one began. (Coroutines that are awaited one after the other are branches too, but the later
        one has no step yet.)
        """
        mine: _Flow = self
        theirs: _Flow = earlier
        branch: _Flow = self
        while mine.depth > theirs.depth and mine.before is not None:
            branch, mine = mine, mine.before
        while theirs.depth > mine.depth and theirs.before is not None:
            theirs = theirs.before
        while mine is not theirs:
            branch = mine
            if mine.before is None or theirs.before is None:
                break
            mine, theirs = mine.before, theirs.before
        return branch is not self and branch.turn < earlier.turn


_flow: contextvars.ContextVar[Optional[_Flow]] = contextvars.ContextVar("durable_gateway_flow", default=None)


class StepNames:
    def __init__(self, activity: Activity) -> None:
        self._activity = activity
        self._lock = threading.Lock()
        self._uses: dict[str, int] = {}
        self._ids: set[str] = {ROLLBACK_BEGUN}
        self._begun: set[str] = set()
        self._latest: dict[str, _Flow] = {}
        self._turn = 0
        self._closed = False

    def enter(self, name: str) -> str:
        """Gives a step its id, and begins it. Nothing of it has happened yet where this raises.

        :raises StepUsageError: It cannot have the name, or not now.
        """
        with self._lock:
            step = self._assign(name)
            self._begin(step)
            return step

    def reserve(self, name: str) -> str:
        """Gives a step its id that is begun later, or never."""
        with self._lock:
            return self._assign(name)

    def enter_hand_out(self, callback: str) -> str:
        step = hand_out_of(callback)
        if not _is_within_bytes(step):
            raise StepUsageError(
                f"'{callback}' is too long for the name of a callback: with '{_HANDED_OUT}', it must be at most {_MAX_ID_BYTES} bytes of "
                "UTF-8."
            )
        with self._lock:
            if step in self._ids:
                raise StepUsageError(
                    f"The name '{step}' belongs to the step that hands out the URL of '{callback}'. Give the other step with that name "
                    "another name."
                )
            self._ids.add(step)
            self._begin(step)
            return step

    def enter_reserved(self, step: str) -> None:
        """Begins a step that has its id already, though the handler has ended."""
        with self._lock:
            self._begin(step)

    def leave(self, step: str, goes_on: bool) -> None:
        with self._lock:
            self._begun.discard(step)
        self._activity.leave(step, goes_on)

    def close(self) -> None:
        """Gives no further name out."""
        with self._lock:
            self._closed = True

    def _begin(self, step: str) -> None:
        self._begun.add(step)
        self._activity.enter(step)

    def _assign(self, name: str) -> str:
        if not isinstance(name, str) or not name:
            raise StepUsageError("A step has no name. Give each step its own name, because the name identifies the stored outcome.")
        if name == ROLLBACK_BEGUN:
            raise StepUsageError(f"'{name}' is the name of the step that stores the reason of a rollback. Give the step another name.")
        if self._closed:
            raise too_late(name)
        uses = self._uses.get(name, 0)
        if uses and _id_of(name, uses) in self._begun:
            raise StepUsageError(
                f"Two steps named '{name}' run at the same time, so a replay could not distinguish them. Give each step its own name, "
                f"such as '{name}-' and the item's id."
            )
        self._turn += 1
        before = _flow.get()
        flow = _Flow(self, before if before is not None and before.owner is self else None, self._turn)
        _flow.set(flow)
        latest = self._latest.get(name)
        if latest is not None and flow.might_precede(latest):
            raise StepUsageError(
                f"Two branches that run at the same time use the name '{name}'. A replay in which they start in another order would "
                f"confuse their outcomes. Give the steps of each branch their own names, such as '{name}-' and the item's id."
            )
        step = _id_of(name, uses + 1)
        if step in (".", "..") or "\0" in step or not _is_within_bytes(step):
            raise StepUsageError(
                f"'{name}' cannot be the name of a step. A name must be at most {_MAX_ID_BYTES} bytes of UTF-8 without NUL, and must not "
                "be '.' or '..'."
            )
        if step in self._ids:
            raise StepUsageError(
                f"The name '{name}' looks like use {uses + 1} of another name. Do not use names that end in '#' and a number, or in "
                f"'{_HANDED_OUT}'."
            )
        self._ids.add(step)
        self._uses[name] = uses + 1
        self._latest[name] = flow
        return step


def _id_of(name: str, use: int) -> str:
    return name if use == 1 else f"{name}#{use}"


def _is_within_bytes(step: str) -> bool:
    try:
        return len(step.encode()) <= _MAX_ID_BYTES
    except UnicodeEncodeError:
        return False
