"""Branches that run at the same time: parking, suspension, rollback."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import Any, Callable, Optional, cast

import pytest

from durable_gateway import (
    DurableAttempt,
    HttpRequest,
    HttpResponse,
    NonRetryableError,
    RunSuspended,
    StepFailedError,
    StepUsageError,
    step,
)
from durable_gateway._activity import Activity
from durable_gateway._io import Io

from .support import ScriptedGateway, attempt, headers, options, problem, status, until


async def test_other_branches_go_on_where_one_is_parked(gateway: ScriptedGateway) -> None:
    async def branch() -> None:
        for i in range(3):
            await step.run(f"b{i}", lambda: 1)

    async def handler() -> None:
        await asyncio.gather(step.sleep("nap", 9), branch())

    assert (await attempt(gateway, handler)).is_suspended
    assert sorted(gateway.said) == ["PUT b0 completed", "PUT b1 completed", "PUT b2 completed", "PUT nap sleep"]


async def test_a_handler_may_end_without_a_branch_that_is_parked(gateway: ScriptedGateway) -> None:
    async def handler() -> None:
        waiting = asyncio.ensure_future(step.wait_for_event("paid", "order.paid"))
        await step.run("one", lambda: 1)
        await until(lambda: "PUT paid wait" in gateway.said)
        assert not waiting.done()

    assert (await attempt(gateway, handler, suspend_after=5)).is_completed


async def test_an_attempt_is_not_suspended_while_a_step_is_executing(gateway: ScriptedGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    loop, parked = asyncio.get_running_loop(), asyncio.Event()
    park, piece = Activity.park, cast("property", Activity.__dict__["piece"])
    executing: list[set[str]] = []

    def parks(self: Activity, step: str, parent: Optional[str]) -> None:
        park(self, step, parent)
        loop.call_soon_threadsafe(parked.set)

    def measured(self: Activity) -> float:
        """The time after which an attempt is suspended is measured in pieces."""
        executing.append(set(self._executing))
        return cast(float, piece.__get__(self))

    monkeypatch.setattr(Activity, "park", parks)
    monkeypatch.setattr(Activity, "piece", property(measured))

    async def slow() -> int:
        await parked.wait()
        # More turns of the loop than it takes to see that a step is parked.
        for _ in range(20):
            await asyncio.sleep(0)
        return 1

    async def handler() -> None:
        await asyncio.gather(step.sleep("nap", 9), step.run("slow", slow))

    assert (await attempt(gateway, handler, suspend_after=0.02)).is_suspended
    assert sorted(gateway.said) == ["PUT nap sleep", "PUT slow completed"]
    assert executing and not any(executing)


async def test_a_suspended_handler_is_cancelled_and_waited_for(gateway: ScriptedGateway) -> None:
    left: list[str] = []

    async def handler() -> None:
        waiting = asyncio.ensure_future(step.sleep("nap", 9))
        try:
            await asyncio.Event().wait()
        finally:
            # A clean-up that is awaited.
            await asyncio.wait([waiting])
            left.append("handler")
            assert waiting.cancelled()

    assert (await attempt(gateway, handler)).is_suspended and left == ["handler"]


async def test_what_a_suspended_handler_returns_does_not_count(gateway: ScriptedGateway) -> None:
    async def handler() -> str:
        try:
            await step.sleep("nap", 9)
        except RunSuspended:
            pass
        return "swallowed"

    assert (await attempt(gateway, handler)).is_suspended


async def test_no_step_begins_in_a_suspended_attempt(gateway: ScriptedGateway) -> None:
    async def handler() -> None:
        try:
            await step.sleep("nap", 9)
        finally:
            with pytest.raises(RunSuspended):
                await step.run("cleanup", lambda: pytest.fail("executed"))

    assert (await attempt(gateway, handler)).is_suspended and gateway.said == ["PUT nap sleep"]


async def test_a_final_failure_is_not_taken_back_by_a_suspension(gateway: ScriptedGateway) -> None:
    gateway.answer("pay", status(201))

    async def handler() -> None:
        results = await asyncio.gather(step.run("pay", lambda: 1 // 0), step.sleep("nap", 9), return_exceptions=True)
        for each in results:
            if isinstance(each, Exception):
                raise each

    verdict = await attempt(gateway, handler)
    assert verdict.headers == (("Durable-Retry", "?0"),)


async def test_branches_that_wait_may_be_given_up(gateway: ScriptedGateway) -> None:
    async def handler() -> None:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(step.wait_for_event("paid", "order.paid"), 0.01)

    assert (await attempt(gateway, handler, suspend_after=5)).is_completed


async def test_a_branch_may_be_given_up_while_the_gateway_is_asked(gateway: ScriptedGateway) -> None:
    asked, go = threading.Event(), threading.Event()

    def answer(_: HttpRequest) -> HttpResponse:
        asked.set()
        go.wait(30)
        return status(202)

    async def handler() -> None:
        waiting = asyncio.ensure_future(step.wait_for_event("paid", "order.paid"))
        await asyncio.to_thread(asked.wait, 30)
        waiting.cancel()
        asyncio.get_running_loop().call_soon(go.set)
        with pytest.raises(asyncio.CancelledError):
            await waiting

    gateway.answer("paid", answer)
    assert (await attempt(gateway, handler, suspend_after=5)).is_completed


async def test_branches_with_one_name_at_a_time_are_refused(gateway: ScriptedGateway) -> None:
    async def body() -> int:
        await asyncio.sleep(0)
        return 1

    async def handler() -> None:
        await asyncio.gather(step.run("same", body), step.run("same", body))

    assert (await attempt(gateway, handler)).headers == (("Durable-Retry", "?0"),)


async def test_branches_whose_order_could_change_are_refused(gateway: ScriptedGateway) -> None:
    async def branch(first: str) -> None:
        await step.run(first, lambda: 1)
        await step.run("same", lambda: 1)

    async def handler() -> None:
        await asyncio.gather(branch("a"), branch("b"))

    verdict = await attempt(gateway, handler)
    assert verdict.headers == (("Durable-Retry", "?0"),)


async def test_coroutines_that_are_awaited_one_after_the_other_may_share_a_name(gateway: ScriptedGateway) -> None:
    async def handler() -> None:
        for _ in range(3):
            await asyncio.wait_for(step.run("same", lambda: 1), 30)

    assert (await attempt(gateway, handler)).is_completed
    assert gateway.said == ["PUT same completed", "PUT same#2 completed", "PUT same#3 completed"]


async def test_a_branch_that_is_left_behind_may_checkpoint(gateway: ScriptedGateway) -> None:
    began, go = asyncio.Event(), asyncio.Event()

    async def body() -> int:
        began.set()
        await go.wait()
        return 1

    kept: list[Any] = []

    async def handler() -> None:
        kept.append(asyncio.ensure_future(step.run("slow", body)))
        await began.wait()
        asyncio.get_running_loop().call_soon(go.set)

    assert (await attempt(gateway, handler)).is_completed and gateway.said == ["PUT slow completed"]


async def test_a_step_that_begins_when_the_handler_has_ended_is_refused(gateway: ScriptedGateway) -> None:
    go = asyncio.Event()
    late: list[Any] = []

    async def branch() -> None:
        await go.wait()
        await step.run("late", lambda: pytest.fail("executed"))

    async def handler() -> None:
        late.append(asyncio.ensure_future(branch()))
        await asyncio.sleep(0)

    await attempt(gateway, handler)
    go.set()
    with pytest.raises(StepUsageError, match="has ended"):
        await late[0]


async def test_a_task_group_of_any_kind_is_looked_into(gateway: ScriptedGateway) -> None:
    class Group(Exception):
        def __init__(self, *exceptions: BaseException) -> None:
            self.exceptions = exceptions

    async def handler() -> None:
        try:
            await step.run("pay", _refuse)
        except StepFailedError as e:
            raise Group(asyncio.CancelledError(), Group(e)) from None

    assert (await attempt(gateway, handler)).headers == (("Durable-Retry", "?0"),)


# Undoing.


def _refuse() -> None:
    raise NonRetryableError("refused", client_message="Refused.")


async def test_compensations_run_in_reverse_as_steps(gateway: ScriptedGateway) -> None:
    undone: list[str] = []

    async def cancel(what: str) -> None:
        undone.append(what)

    async def handler() -> None:
        await step.run("flight", lambda: 1)
        step.on_rollback("cancel flight", cancel, "flight")
        await step.run("hotel", lambda: 1)
        step.on_rollback("cancel hotel", lambda: undone.append("hotel"))
        await step.run("pay", _refuse)

    verdict = await attempt(gateway, handler)
    assert undone == ["hotel", "flight"] and gateway.said[-2:] == ["PUT cancel hotel completed", "PUT cancel flight completed"]
    assert json.loads(verdict.problem or b"")["detail"] == "Refused."


async def test_a_failure_of_the_handler_itself_is_kept_before_anything_is_undone(gateway: ScriptedGateway) -> None:
    async def handler() -> None:
        await step.run("flight", lambda: 1)
        step.on_rollback("cancel flight", lambda: None)
        raise NonRetryableError("no")

    assert (await attempt(gateway, handler)).headers == (("Durable-Retry", "?0"),)
    assert gateway.said[-2:] == ["PUT rollback begun failed final", "PUT cancel flight completed"]


async def test_a_run_that_is_rolled_back_does_not_go_on(gateway: ScriptedGateway) -> None:
    gateway.store("flight", 1)
    gateway.store("rollback begun", {"title": "x", "clientMessage": "No.", "step": "pay"}, failed=True)

    async def handler() -> None:
        await step.run("flight", lambda: pytest.fail("executed"))
        step.on_rollback("cancel flight", lambda: None)
        await step.run("pay", lambda: pytest.fail("executed"))

    verdict = await attempt(gateway, handler)
    assert gateway.said == ["GET None completed", "PUT cancel flight completed"]
    assert json.loads(verdict.problem or b"")["step"] == "pay"


async def test_on_the_final_attempt_any_failure_is_for_good(gateway: ScriptedGateway) -> None:
    async def handler() -> None:
        step.on_rollback("cancel flight", lambda: None)
        raise ValueError("whatever")

    with pytest.raises(ValueError):
        await attempt(gateway, handler)
    assert gateway.calls == []
    verdict = await attempt(gateway, handler, headers(Durable_Final_Attempt="?1"))
    assert verdict.headers == (("Durable-Retry", "?0"),) and gateway.said == [
        "PUT rollback begun failed final",
        "PUT cancel flight completed",
    ]


async def test_a_compensation_that_is_tried_again_suspends(gateway: ScriptedGateway) -> None:
    async def handler() -> None:
        step.on_rollback("undo", lambda: 1 // 0)
        await step.run("pay", _refuse)

    assert (await attempt(gateway, handler)).is_suspended


async def test_a_compensation_that_fails_for_good_is_told(gateway: ScriptedGateway) -> None:
    done: list[int] = []

    async def handler() -> None:
        step.on_rollback("undo 1", lambda: done.append(1))
        step.on_rollback("undo 2", _refuse)
        await step.run("pay", _refuse)

    verdict = await attempt(gateway, handler)
    failures = json.loads(verdict.problem or b"")["compensationFailures"]
    assert done == [1] and failures == [{"title": "A step of the request failed", "detail": "Refused.", "step": "undo 2"}]


async def test_what_an_executing_branch_does_is_undone_as_well(gateway: ScriptedGateway) -> None:
    began, go = asyncio.Event(), asyncio.Event()
    undone: list[str] = []

    async def book() -> int:
        began.set()
        await go.wait()
        return 1

    async def hotel() -> None:
        await step.run("hotel", book)
        step.on_rollback("cancel hotel", lambda: undone.append("hotel"))
        await step.run("next", lambda: pytest.fail("executed"))

    async def flight() -> None:
        await began.wait()
        await step.run("flight", _refuse)

    async def handler() -> None:
        try:
            await asyncio.gather(hotel(), flight())
        finally:
            # The callback runs after the handler has ended.
            asyncio.get_running_loop().call_soon(go.set)

    verdict = await attempt(gateway, handler)
    assert verdict.headers == (("Durable-Retry", "?0"),) and undone == ["hotel"]
    assert gateway.said == [
        "PUT flight failed final",
        "PUT hotel completed",
        "PUT rollback begun failed final",
        "PUT cancel hotel completed",
    ]


async def test_a_stored_outcome_of_a_slow_branch_is_undone_as_well(gateway: ScriptedGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    gateway.store("hotel", 1)
    gateway.store("flight", {"title": "x"}, failed=True)
    ended = asyncio.Event()
    undone: list[str] = []

    async def hotel() -> None:
        # It does something else until the end of the attempt waits for nothing but that.
        await ended.wait()
        await step.run("hotel", lambda: pytest.fail("executed"))
        step.on_rollback("cancel hotel", lambda: undone.append("hotel"))

    async def handler() -> None:
        await asyncio.gather(hotel(), step.run("flight", lambda: pytest.fail("executed")))

    quiet = Activity.quiet

    async def quiet_begins(self: Activity, io: Io, is_over: Callable[[], bool]) -> None:
        ended.set()
        await quiet(self, io, is_over)

    monkeypatch.setattr(Activity, "quiet", quiet_begins)
    await attempt(gateway, handler, suspend_after=0.5)
    assert undone == ["hotel"]


async def test_a_compensation_is_not_registered_in_a_step(gateway: ScriptedGateway) -> None:
    async def handler() -> None:
        await step.run("outer", lambda: step.on_rollback("undo", lambda: None))

    assert (await attempt(gateway, handler)).headers == (("Durable-Retry", "?0"),) and gateway.calls == []


# Cancelled requests.


class LibraryError(Exception):
    """What a library makes of a cancellation."""


async def _cancelled_in(gateway: ScriptedGateway, body: Any, **said: Any) -> Any:
    begun: list[DurableAttempt] = []
    lookup = headers(**said)
    began = asyncio.Event()

    async def watched() -> None:
        began.set()
        await body()

    async def handler() -> None:
        step.on_rollback("undo", lambda: pytest.fail("undone"))
        await step.run("slow", watched)

    attempt_ = DurableAttempt.begin(lookup.get, options(gateway))
    begun.append(attempt_)
    running = asyncio.ensure_future(attempt_.run(handler))
    await began.wait()
    attempt_.cancel()
    return await asyncio.gather(running, return_exceptions=True)


@pytest.mark.parametrize("error", [asyncio.CancelledError(), LibraryError(), OSError()])
async def test_what_a_cancelled_step_raises_is_no_failure(gateway: ScriptedGateway, error: BaseException) -> None:
    async def body() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise error

    (outcome,) = await _cancelled_in(gateway, body, Durable_Final_Attempt="?1")
    assert isinstance(outcome, asyncio.CancelledError) and gateway.calls == []


async def test_a_cancelled_step_that_states_a_failure_has_failed(gateway: ScriptedGateway) -> None:
    async def body() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise NonRetryableError("out of stock") from None

    await _cancelled_in(gateway, body)
    assert "PUT slow failed final" in gateway.said


async def test_a_step_that_was_executed_is_stored_though_the_request_is_cancelled(gateway: ScriptedGateway) -> None:
    async def body() -> int:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return 1
        return 0

    (outcome,) = await _cancelled_in(gateway, body)
    assert isinstance(outcome, asyncio.CancelledError) and gateway.said == ["PUT slow completed"]


async def test_a_cancellation_within_a_body_is_a_failure(gateway: ScriptedGateway) -> None:
    async def body() -> None:
        inner = asyncio.ensure_future(asyncio.sleep(9))
        asyncio.get_running_loop().call_soon(inner.cancel)
        await inner

    async def handler() -> None:
        await step.run("slow", body)

    assert (await attempt(gateway, handler)).is_suspended
    assert gateway.said == ["PUT slow failed"]


# Without a gateway.


async def test_without_a_gateway_steps_simply_run() -> None:
    gateway = ScriptedGateway()
    tries: list[int] = []

    def flaky() -> int:
        tries.append(1)
        if len(tries) < 3:
            raise ValueError
        return len(tries)

    async def handler() -> None:
        assert not step.info.is_durable
        assert await step.run("flaky", flaky, max_attempts=3, retry_delay=0) == 3
        await step.sleep("nap", 0.001)
        with pytest.raises(StepUsageError, match="gateway"):
            await step.wait_for_event("paid", "order.paid")
        with pytest.raises(StepUsageError, match="gateway"):
            await step.send_event("tell", "order.paid")

    assert (await attempt(gateway, handler, {})).is_completed and gateway.calls == []


async def test_without_a_gateway_any_exception_rolls_back() -> None:
    undone: list[int] = []

    async def handler() -> None:
        step.on_rollback("undo", lambda: undone.append(1))
        raise ValueError("whatever")

    with pytest.raises(ValueError):
        await attempt(ScriptedGateway(), handler, {})
    assert undone == [1]


async def test_without_a_gateway_a_failure_for_good_is_answered() -> None:
    async def handler() -> None:
        await step.run("pay", _refuse)

    verdict = await attempt(ScriptedGateway(), handler, {})
    assert verdict.status == 500 and json.loads(verdict.problem or b"")["detail"] == "Refused."


async def test_a_problem_of_the_gateway_keeps_its_type(gateway: ScriptedGateway) -> None:
    gateway.answer("nap", problem("beyond-run-timeout", 422))

    async def handler() -> None:
        await step.sleep("nap", 9)

    verdict = await attempt(gateway, handler)
    assert json.loads(verdict.problem or b"")["type"] == "/_durable/problems/beyond-run-timeout"
