"""Synchronous handlers: the same rules, in threads."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable

import pytest

from durable_gateway import NonRetryableError, RunSuspended, StepFailedError, StepUsageError
from durable_gateway.sync import step

from .support import ScriptedGateway, attempt, attempt_sync, headers, problem, status, unexpected, until_sync


def test_steps_are_stored_and_replayed(gateway: ScriptedGateway) -> None:
    gateway.store("charge", {"id": 1})
    results: list[Any] = []

    def handler() -> None:
        results.append(step.run("charge", unexpected))
        results.append(step.run("label", lambda: (1, 2)))

    assert attempt_sync(gateway, handler).is_completed
    assert results == [{"id": 1}, [1, 2]] and gateway.said == ["GET None completed", "PUT label completed"]


def test_a_failed_try_suspends_and_no_except_exception_swallows_it(gateway: ScriptedGateway) -> None:
    left: list[str] = []

    def handler() -> None:
        try:
            step.run("label", lambda: 1 // 0)
        except Exception:
            left.append("caught")
        finally:
            left.append("finally")

    assert attempt_sync(gateway, handler).is_suspended and left == ["finally"]


def test_branches_in_threads(gateway: ScriptedGateway) -> None:
    met = threading.Barrier(2, timeout=5)

    def book(what: str) -> str:
        met.wait()
        return what

    results: list[Any] = []

    def handler() -> None:
        results.extend(step.parallel(lambda: step.run("flight", book, "F"), lambda: step.run("hotel", book, "H")))

    assert attempt_sync(gateway, handler).is_completed and results == ["F", "H"]


def test_a_thread_goes_on_while_another_is_parked(gateway: ScriptedGateway) -> None:
    def branch() -> None:
        for i in range(3):
            step.run(f"b{i}", lambda: 1)

    def handler() -> None:
        step.parallel(lambda: step.sleep("nap", 9), branch)

    assert attempt_sync(gateway, handler).is_suspended
    assert sorted(gateway.said) == ["PUT b0 completed", "PUT b1 completed", "PUT b2 completed", "PUT nap sleep"]


@pytest.mark.parametrize("combine", [step.parallel, step.first])
def test_a_final_failure_precedes_the_end_of_the_attempt(gateway: ScriptedGateway, combine: Callable[..., Any]) -> None:
    gateway.answer("pay", status(201))

    def handler() -> None:
        combine(lambda: step.sleep("nap", 9), lambda: step.run("pay", lambda: 1 // 0))

    assert attempt_sync(gateway, handler).headers == (("Durable-Retry", "?0"),)


def test_threads_of_ones_own_take_the_context_along(gateway: ScriptedGateway) -> None:
    def handler() -> None:
        with ThreadPoolExecutor() as threads:
            with pytest.raises(StepUsageError, match="copy_context"):
                threads.submit(lambda: step.run("one", lambda: 1)).result()
            context = contextvars.copy_context()
            threads.submit(lambda: context.run(lambda: step.run("two", lambda: 2))).result()

    assert attempt_sync(gateway, handler).is_completed and gateway.said == ["PUT two completed"]


def test_a_late_body_is_left_behind(gateway: ScriptedGateway) -> None:
    go = threading.Event()

    def handler() -> None:
        step.run("slow", lambda: go.wait(10), timeout=0.01)

    assert attempt_sync(gateway, handler).is_suspended and gateway.said == ["PUT slow failed"]
    go.set()


def test_a_late_body_is_told(gateway: ScriptedGateway) -> None:
    told = threading.Event()

    def slow() -> None:
        if step.cancelled.wait(10):
            told.set()

    assert attempt_sync(gateway, lambda: step.run("slow", slow, timeout=0.01)).is_suspended and told.wait(5)


def test_the_body_of_another_thread_is_told_of_the_end(gateway: ScriptedGateway) -> None:
    gateway.answer("one", problem("attempt-superseded", 409))
    begun, told = threading.Event(), threading.Event()

    def slow() -> None:
        begun.set()
        if step.cancelled.wait(10):
            told.set()
            raise OSError("interrupted")

    def handler() -> None:
        step.parallel(lambda: step.run("slow", slow), lambda: step.run("one", lambda: begun.wait(10)))

    # What a cancelled body raises is no failure of its step.
    assert attempt_sync(gateway, handler).status == 503 and told.is_set() and gateway.said == ["PUT one completed"]


async def test_a_request_that_is_cancelled_tells_the_bodies_in_threads(gateway: ScriptedGateway) -> None:
    begun, told = threading.Event(), threading.Event()

    def slow() -> None:
        begun.set()
        if step.cancelled.wait(10):
            told.set()
            raise OSError("interrupted")

    async def handler() -> None:
        await asyncio.to_thread(lambda: step.run("slow", slow))

    attempting = asyncio.ensure_future(attempt(gateway, handler))
    assert await asyncio.to_thread(begun.wait, 10)
    attempting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await attempting
    assert await asyncio.to_thread(told.wait, 10) and gateway.calls == []


def test_only_bodies_are_told(gateway: ScriptedGateway) -> None:
    def handler() -> None:
        with pytest.raises(StepUsageError, match="body of a step"):
            step.cancelled

    assert attempt_sync(gateway, handler).is_completed


def test_the_first_branch_ends_the_handler_and_the_other_begins_nothing(gateway: ScriptedGateway) -> None:
    left: list[BaseException] = []
    ended = threading.Event()

    def patience() -> None:
        try:
            step.sleep("patience", 9)
            step.run("late", unexpected)
        except BaseException as e:
            left.append(e)
            raise
        finally:
            ended.set()

    def quick() -> str:
        # Otherwise the handler may end before the other branch has asked for its step.
        until_sync(lambda: "PUT patience sleep" in gateway.said)
        return step.run("quick", lambda: "q")

    results: list[Any] = []
    verdict = attempt_sync(gateway, lambda: results.append(step.first(patience, quick)))
    assert verdict.is_completed and results == ["q"] and ended.wait(5) and isinstance(left[0], RunSuspended)


def test_no_branch_ends_first_where_all_wait(gateway: ScriptedGateway) -> None:
    assert attempt_sync(gateway, lambda: step.first(lambda: step.sleep("a", 9), lambda: step.sleep("b", 9))).is_suspended
    with pytest.raises(ValueError, match="at least one branch"):
        attempt_sync(gateway, lambda: step.first())


def test_a_superseded_attempt_stops(gateway: ScriptedGateway) -> None:
    gateway.answer("one", problem("attempt-superseded", 409))

    def handler() -> None:
        step.run("one", lambda: 1)

    assert attempt_sync(gateway, handler).status == 503


def test_compensations(gateway: ScriptedGateway) -> None:
    undone: list[str] = []

    def refuse() -> None:
        raise NonRetryableError("no")

    def handler() -> None:
        step.on_rollback("undo 1", undone.append, "1")
        step.on_rollback("undo 2", undone.append, "2")
        step.run("pay", refuse)

    assert attempt_sync(gateway, handler).headers == (("Durable-Retry", "?0"),) and undone == ["2", "1"]


def test_steps_do_not_nest(gateway: ScriptedGateway) -> None:
    def handler() -> None:
        step.run("outer", lambda: step.run("inner", lambda: 1))

    assert attempt_sync(gateway, handler).headers == (("Durable-Retry", "?0"),) and gateway.calls == []


def test_an_asynchronous_body_is_refused(gateway: ScriptedGateway) -> None:
    async def body() -> None:
        ...

    def handler() -> None:
        with pytest.raises(StepUsageError, match="asynchronous"):
            step.run("one", body)  # type: ignore[unused-coroutine]

    attempt_sync(gateway, handler)


async def test_a_synchronous_step_does_not_block_a_loop(gateway: ScriptedGateway) -> None:
    async def handler() -> None:
        with pytest.raises(StepUsageError, match="event loop"):
            step.run("one", lambda: 1)

    assert (await attempt(gateway, handler)).is_completed


def test_other_steps(gateway: ScriptedGateway) -> None:
    def handler() -> None:
        assert step.send_event("tell", "order.paid") == 1
        assert step.info.attempt == 1
        with pytest.raises(StepFailedError):
            step.run("rolled back", lambda: 1)
            gateway.answer("bill", problem("beyond-run-timeout", 422))
            step.invoke("bill", "/x")
        step.wait_for_callback("cb", lambda url: None)

    assert attempt_sync(gateway, handler).is_suspended
    assert gateway.said[-2:] == ["PUT cb callback", "PUT cb handed out completed"]


def test_no_step_begins_in_a_suspended_attempt(gateway: ScriptedGateway) -> None:
    def handler() -> None:
        try:
            step.sleep("nap", 9)
        finally:
            with pytest.raises(RunSuspended):
                step.run("cleanup", unexpected)

    assert attempt_sync(gateway, handler).is_suspended


def test_on_the_final_attempt_any_failure_is_for_good(gateway: ScriptedGateway) -> None:
    def handler() -> None:
        step.on_rollback("undo", lambda: None)
        raise ValueError

    verdict = attempt_sync(gateway, handler, headers(Durable_Final_Attempt="?1"))
    assert verdict.headers == (("Durable-Retry", "?0"),)


def test_the_process_may_be_told_to_end(gateway: ScriptedGateway) -> None:
    def handler() -> None:
        step.on_rollback("undo", unexpected)
        raise SystemExit

    with pytest.raises(SystemExit):
        attempt_sync(gateway, handler, headers(Durable_Final_Attempt="?1"))
    assert gateway.calls == []
