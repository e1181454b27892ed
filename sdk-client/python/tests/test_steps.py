"""What an SDK does, rule by rule (PROTOCOL.md), for asynchronous handlers."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from durable_gateway import (
    AttemptOver,
    CheckpointError,
    DurableAttempt,
    NonRetryableError,
    RetryAfterError,
    StepFailedError,
    StepUsageError,
    refusal,
    step,
)

from .support import CALLBACK, OTHER, RUN_ID, ScriptedGateway, attempt, headers, options, problem, status, stored


async def test_a_result_is_stored_and_returned(gateway: ScriptedGateway) -> None:
    results: list[Any] = []

    async def handler() -> None:
        results.append(await step.run("charge", lambda: {"id": 1}))

    verdict = await attempt(gateway, handler)

    assert verdict.is_completed and results == [{"id": 1}]
    (call,) = gateway.calls
    assert (call.method, call.url) == ("PUT", CALLBACK + "/steps/charge")
    assert json.loads(call.body) == {"id": 1}
    assert call.headers["Durable-Token"] == "t0ken"
    assert call.headers["Content-Type"] == "application/json"
    assert float(call.headers["Durable-Step-Duration"]) >= 0
    assert call.headers["Durable-Execution"].startswith('"')


async def test_a_result_reads_as_its_bytes_do(gateway: ScriptedGateway) -> None:
    results: list[Any] = []

    async def handler() -> None:
        results.append(await step.run("pair", lambda: (1, [2])))

    await attempt(gateway, handler)
    assert results == [[1, [2]]]


async def test_an_inlined_outcome_is_returned_and_not_executed(gateway: ScriptedGateway) -> None:
    results: list[Any] = []
    said = headers(Durable_Step_Count="2", Durable_Steps='"charge";ok=:eyJpZCI6MX0=:, "a/b";ok=:aGk=:;ct="text/plain"')

    async def handler() -> None:
        results.append(await step.run("charge", lambda: pytest.fail("executed")))
        results.append(await step.run("a/b", lambda: pytest.fail("executed"), returns=str))

    verdict = await attempt(gateway, handler, said)
    assert verdict.is_completed and results == [{"id": 1}, "hi"] and gateway.calls == []


async def test_the_rest_is_read_once(gateway: ScriptedGateway) -> None:
    for name in ("one", "two", "three"):
        gateway.store(name, name)
    results: list[Any] = []

    async def handler() -> None:
        results.extend(await asyncio.gather(*(step.run(name, lambda: "executed") for name in ("one", "two", "three", "four"))))

    await attempt(gateway, handler)
    assert results == ["one", "two", "three", "executed"]
    assert gateway.said.count("GET None completed") == 1


async def test_where_the_rest_cannot_be_read_nothing_is_executed(gateway: ScriptedGateway) -> None:
    gateway.store("one", 1)
    gateway.answer("GET", status(503))

    async def handler() -> None:
        try:
            await step.run("two", lambda: pytest.fail("executed"))
        except CheckpointError:
            pass

    verdict = await attempt(gateway, handler)
    assert (verdict.status, verdict.headers) == (500, (("Durable-Retry", "?1"),))
    assert len(gateway.calls) == 5


async def test_a_stored_failure_is_raised(gateway: ScriptedGateway) -> None:
    gateway.store("notify", {"title": "no", "detail": "gone", "clientMessage": "Sorry."}, failed=True)

    async def handler() -> None:
        await step.run("notify", lambda: pytest.fail("executed"))

    verdict = await attempt(gateway, handler)
    assert (verdict.status, verdict.headers) == (500, (("Durable-Retry", "?0"),))
    assert json.loads(verdict.problem or b"") == {
        "title": "A step of the request failed", "detail": "Sorry.", "step": "notify", "status": 500,
    }  # fmt: skip


async def test_uses_of_a_name_are_counted(gateway: ScriptedGateway) -> None:
    async def handler() -> None:
        for _ in range(3):
            await step.run("page", lambda: 0)

    await attempt(gateway, handler)
    assert [call.url.rsplit("/", 1)[1] for call in gateway.calls] == ["page", "page%232", "page%233"]


@pytest.mark.parametrize("name", ["größe", "a/b", "a b", "100%", "x#2y", "?", "日本", "..."])
async def test_names_are_percent_encoded(gateway: ScriptedGateway, name: str) -> None:
    async def handler() -> None:
        await step.run(name, lambda: 0)

    await attempt(gateway, handler)
    (call,) = gateway.calls
    assert call.step == name
    assert all(c.isalnum() and c.isascii() or c in "%-._~" for c in call.url.rsplit("/steps/", 1)[1])


@pytest.mark.parametrize("name", ["", ".", "..", "a\0b", "x" * 257, "ä" * 129, "\ud800", "rollback begun"])
async def test_names_that_cannot_be_are_refused(gateway: ScriptedGateway, name: str) -> None:
    async def handler() -> None:
        await step.run(name, lambda: pytest.fail("executed"))

    verdict = await attempt(gateway, handler)
    assert verdict.headers == (("Durable-Retry", "?0"),) and gateway.calls == []


async def test_a_failed_try_parks_and_suspends(gateway: ScriptedGateway) -> None:
    left: list[str] = []

    async def handler() -> None:
        try:
            await step.run("label", lambda: 1 // 0)
        except Exception:
            left.append("caught")
        finally:
            left.append("finally")

    verdict = await attempt(gateway, handler)
    assert verdict.is_suspended and verdict.headers == (("Durable-Suspended", "?1"),) and left == ["finally"]
    (call,) = gateway.calls
    assert call.said == "PUT label failed" and "Retry-After" not in call.headers
    said = json.loads(call.body)
    assert (said["title"], said["exceptionType"]) == ("ZeroDivisionError", "ZeroDivisionError") and "stackTrace" in said


async def test_a_retry_after_is_told(gateway: ScriptedGateway) -> None:
    def body() -> None:
        raise RetryAfterError(timedelta(seconds=90.5))

    async def handler() -> None:
        await step.run("label", body)

    await attempt(gateway, handler)
    assert gateway.calls[0].headers["Retry-After"] == "90.5"


async def test_a_non_retryable_error_is_final(gateway: ScriptedGateway) -> None:
    def body() -> None:
        raise NonRetryableError("declined 05", client_message="Your card was declined.")

    async def handler() -> None:
        with pytest.raises(StepFailedError) as raised:
            await step.run("charge", body)
        assert isinstance(raised.value.__cause__, NonRetryableError)
        raise raised.value

    verdict = await attempt(gateway, handler)
    assert gateway.said == ["PUT charge failed final"]
    client = json.loads(verdict.problem or b"")
    assert client["detail"] == "Your card was declined." and "declined 05" not in str(client)


async def test_a_caught_failure_is_the_handlers_affair(gateway: ScriptedGateway) -> None:
    gateway.answer("charge", status(201))

    async def handler() -> None:
        try:
            await step.run("charge", lambda: 1 // 0)
        except StepFailedError:
            await step.run("refund", lambda: None)

    assert (await attempt(gateway, handler)).is_completed
    assert gateway.said == ["PUT charge failed", "PUT refund completed"]


async def test_the_first_write_wins(gateway: ScriptedGateway) -> None:
    gateway.answer("charge", stored({"id": 1}))
    results: list[Any] = []

    async def handler() -> None:
        results.append(await step.run("charge", lambda: {"id": 2}))

    await attempt(gateway, handler)
    assert results == [{"id": 1}]


async def test_a_result_that_is_too_large_fails_for_good(gateway: ScriptedGateway) -> None:
    gateway.answer("charge", problem("step-too-large", 413), status(201))

    async def handler() -> None:
        await step.run("charge", lambda: "x" * 5000)

    verdict = await attempt(gateway, handler)
    assert gateway.said == ["PUT charge completed", "PUT charge failed final"] and len(gateway.calls[1].body) < 500
    assert verdict.headers == (("Durable-Retry", "?0"),)


async def test_a_failure_that_is_too_large_is_shortened(gateway: ScriptedGateway) -> None:
    gateway.answer("charge", problem("step-too-large", 413), status(201))

    def body() -> None:
        raise ValueError("x" * 9000)

    async def handler() -> None:
        await step.run("charge", body)

    await attempt(gateway, handler)
    assert gateway.said == ["PUT charge failed", "PUT charge failed final"] and len(gateway.calls[1].body) < 1024


@pytest.mark.parametrize(
    "answer",
    [
        problem("step-malformed", 400),
        problem("token-invalid", 401),
        problem("run-unknown", 404),
        problem("too-many-steps", 422),
        problem("record-unreadable", 502),
    ],
)
async def test_what_fails_the_attempt_outweighs_the_handler(gateway: ScriptedGateway, answer: Any) -> None:
    gateway.answer("charge", answer)

    async def handler() -> None:
        with pytest.raises(CheckpointError):
            await step.run("charge", lambda: 1)
        with pytest.raises(CheckpointError):
            await step.run("next", lambda: pytest.fail("executed"))

    verdict = await attempt(gateway, handler)
    assert (verdict.status, verdict.headers) == (500, (("Durable-Retry", "?1"),)) and len(gateway.calls) == 1


@pytest.mark.parametrize("answer", [problem("attempt-superseded", 409), problem("run-ended", 410)])
async def test_a_superseded_attempt_stops(gateway: ScriptedGateway, answer: Any) -> None:
    gateway.answer("charge", answer)
    seen: list[BaseException] = []

    async def handler() -> None:
        try:
            await step.run("charge", lambda: 1)
        except AttemptOver as e:
            seen.append(e)
        await step.run("next", lambda: pytest.fail("executed"))

    verdict = await attempt(gateway, handler)
    assert verdict.status == 503 and len(seen) == 1 and len(gateway.calls) == 1


async def test_a_superseded_attempt_cancels_other_branches(gateway: ScriptedGateway) -> None:
    began = asyncio.Event()
    ended: list[str] = []

    async def forever() -> None:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("cancelled")

    async def charge() -> int:
        await began.wait()
        return 1

    gateway.answer("charge", problem("run-ended", 410))

    async def handler() -> None:
        await asyncio.gather(step.run("slow", forever), step.run("charge", charge))

    verdict = await attempt(gateway, handler)
    assert verdict.status == 503 and ended == ["cancelled"] and gateway.said == ["PUT charge completed"]


async def test_beyond_the_run_timeout_fails_the_step_and_stores_nothing(gateway: ScriptedGateway) -> None:
    gateway.answer("nap", problem("beyond-run-timeout", 422))

    async def handler() -> None:
        with pytest.raises(StepFailedError) as raised:
            await step.sleep("nap", timedelta(days=400))
        assert raised.value.problem.is_beyond_run_timeout

    assert (await attempt(gateway, handler)).is_completed and len(gateway.calls) == 1


async def test_a_lost_answer_is_asked_for_again(gateway: ScriptedGateway) -> None:
    gateway.answer("charge", ConnectionResetError("lost"), status(503), TimeoutError(), status(201))

    async def handler() -> None:
        await step.run("charge", lambda: 1)

    assert (await attempt(gateway, handler)).is_completed
    assert len(gateway.calls) == 4 and len({call.headers["Durable-Execution"] for call in gateway.calls}) == 1


async def test_404_leads_to_the_next_address_which_is_kept(gateway: ScriptedGateway) -> None:
    gateway.hosts["gw1.test"] = problem("run-unknown", 404)

    async def handler() -> None:
        await step.run("one", lambda: 1)
        await step.run("two", lambda: 2)

    assert (await attempt(gateway, handler, headers(Durable_Callback=f"{CALLBACK} , {OTHER}"))).is_completed
    assert [call.url.split("/")[2] for call in gateway.calls] == ["gw1.test:8081", "any.test:8081", "any.test:8081"]


async def test_an_address_that_is_down_is_left_after_its_repetitions(gateway: ScriptedGateway) -> None:
    gateway.hosts["gw1.test"] = ConnectionRefusedError("down")

    async def handler() -> None:
        await step.run("one", lambda: 1)

    assert (await attempt(gateway, handler, headers(Durable_Callback=f"{CALLBACK},{OTHER}"))).is_completed
    assert [call.url.split("/")[2] for call in gateway.calls] == ["gw1.test:8081"] * 5 + ["any.test:8081"]


async def test_with_no_address_left_the_attempt_fails(gateway: ScriptedGateway) -> None:
    gateway.hosts["gw1.test"] = ConnectionRefusedError("down")

    async def handler() -> None:
        await step.run("one", lambda: 1)

    assert (await attempt(gateway, handler)).headers == (("Durable-Retry", "?1"),)


async def test_another_version_is_not_guessed_at(gateway: ScriptedGateway) -> None:
    with pytest.raises(CheckpointError) as raised:
        DurableAttempt.begin(headers(Durable_Protocol="2").get, options(gateway))
    verdict = refusal(raised.value)
    assert (verdict.status, verdict.headers) == (500, (("Durable-Retry", "?1"),)) and b"version '2'" in (verdict.problem or b"")


@pytest.mark.parametrize(
    "said", [{"Durable_Token": ""}, {"Durable_Callback": "ftp://x"}, {"Durable_Attempt": "x"}, {"Durable_Steps": "nonsense"}]
)
async def test_headers_that_cannot_be_read_fail_the_attempt(gateway: ScriptedGateway, said: dict[str, Any]) -> None:
    with pytest.raises(CheckpointError):
        DurableAttempt.begin(headers(**said).get, options(gateway))


async def test_info(gateway: ScriptedGateway) -> None:
    async def handler() -> None:
        assert (step.info.id, step.info.attempt, step.info.is_durable, step.info.is_replay, step.info.is_final) == (
            RUN_ID,
            3,
            True,
            True,
            True,
        )

    await attempt(gateway, handler, headers(Durable_Attempt="3", Durable_Final_Attempt="?1"))


async def test_any_other_exception_is_the_hosts(gateway: ScriptedGateway) -> None:
    async def handler() -> None:
        raise ValueError("unexpected")

    with pytest.raises(ValueError, match="unexpected"):
        await attempt(gateway, handler)


async def test_options_of_a_step_are_told_with_its_failure(gateway: ScriptedGateway) -> None:
    async def handler() -> None:
        await step.run("label", lambda: 1 // 0, max_attempts=3, retry_delay=1.5, max_retry_delay=timedelta(minutes=1), backoff="linear")

    await attempt(gateway, handler)
    assert gateway.calls[0].headers["Durable-Step-Retry"] == "max-attempts=3, delay=1.5, max-delay=60.0, backoff=linear"


@pytest.mark.parametrize(
    "wrong", [{"max_attempts": 0}, {"retry_delay": -1}, {"backoff": "cubic"}, {"timeout": 0}, {"max_retry_delay": float("inf")}]
)
async def test_options_out_of_range_are_refused(gateway: ScriptedGateway, wrong: dict[str, Any]) -> None:
    async def handler() -> None:
        with pytest.raises(ValueError):
            await step.run("label", lambda: 1, **wrong)

    await attempt(gateway, handler)


async def test_a_step_that_is_late_is_a_failed_try(gateway: ScriptedGateway) -> None:
    ended: list[str] = []

    async def body() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("cancelled")

    async def handler() -> None:
        await step.run("slow", body, timeout=0.01)

    assert (await attempt(gateway, handler)).is_suspended
    assert gateway.said == ["PUT slow failed"] and json.loads(gateway.calls[0].body)["title"] == "TimeoutError" and ended == ["cancelled"]


async def test_at_most_once_is_announced(gateway: ScriptedGateway) -> None:
    gateway.answer("charge", status(201), status(201))

    async def handler() -> None:
        await step.run("charge", lambda: 1, at_most_once=True)
        gateway.answer("refund", status(201), status(201))
        with pytest.raises(StepFailedError):
            await step.run("refund", lambda: 1 // 0, at_most_once=True)

    assert (await attempt(gateway, handler)).is_completed
    assert gateway.said == ["PUT charge started", "PUT charge completed", "PUT refund started", "PUT refund failed final"]
    assert gateway.calls[0].body == b""


async def test_at_most_once_is_not_executed_where_it_was_begun(gateway: ScriptedGateway) -> None:
    gateway.answer("charge", stored({"type": "/_durable/problems/step-interrupted", "title": "x"}, failed=True))

    async def handler() -> None:
        with pytest.raises(StepFailedError) as raised:
            await step.run("charge", lambda: pytest.fail("executed"), at_most_once=True)
        assert raised.value.problem.is_step_interrupted

    assert (await attempt(gateway, handler)).is_completed


async def test_sleeping(gateway: ScriptedGateway) -> None:
    async def handler() -> None:
        await asyncio.gather(
            step.sleep("nap", timedelta(days=7)),
            step.sleep_until("opening", datetime(2026, 11, 23, 4, 0, tzinfo=timezone(timedelta(hours=1)))),
        )

    assert (await attempt(gateway, handler)).is_suspended
    said = {call.step: call for call in gateway.calls}  # in either order: branches send from threads
    assert (said["nap"].headers["Durable-Step-Type"], said["nap"].headers["Durable-Step-For"], said["nap"].body) == ("sleep", "604800", b"")
    assert said["opening"].headers["Durable-Step-Until"] == "2026-11-23T03:00:00.000000Z"


async def test_a_time_without_a_zone_is_refused(gateway: ScriptedGateway) -> None:
    async def handler() -> None:
        with pytest.raises(ValueError, match="time zone"):
            await step.sleep_until("opening", datetime(2026, 11, 23))

    await attempt(gateway, handler)


async def test_waiting_for_an_event(gateway: ScriptedGateway) -> None:
    gateway.answer("paid", stored({"amount": 9}))
    results: list[Any] = []

    async def handler() -> None:
        results.append(await step.wait_for_event("paid", "order.paid", key="o 1 %ä", timeout=3, lookback=timedelta(0)))

    await attempt(gateway, handler)
    said = gateway.calls[0].headers
    assert results == [{"amount": 9}]
    assert (said["Durable-Event-Type"], said["Durable-Event-Key"]) == ("order.paid", "o%201%20%25%C3%A4")
    assert (said["Durable-Step-Timeout"], said["Durable-Event-Lookback"]) == ("3", "0")


async def test_an_event_that_does_not_come_is_none(gateway: ScriptedGateway) -> None:
    gateway.store("paid", {"type": "/_durable/problems/step-timeout", "title": "late"}, failed=True, kind="wait")
    results: list[Any] = []

    async def handler() -> None:
        results.append(await step.wait_for_event("paid", "order.paid"))

    assert (await attempt(gateway, handler)).is_completed and results == [None]


@pytest.mark.parametrize(
    ("content", "content_type", "returns", "expected"),
    [
        (b"", "application/json", None, None),
        (b"", "application/json", bytes, b""),
        (b"\x00\xff", "image/png", None, b"\x00\xff"),
        (b"[1]", "application/json", bytes, b"[1]"),
        (b"hi", "text/plain", str, "hi"),
        (b'{"a":1}', "application/vnd.x+json; charset=utf-8", None, {"a": 1}),
    ],
)
async def test_what_others_send(gateway: ScriptedGateway, content: bytes, content_type: str, returns: Any, expected: Any) -> None:
    gateway.answer("cb", stored(content, content_type=content_type))
    results: list[Any] = []

    async def handler() -> None:
        more = {} if returns is None else {"returns": returns}
        results.append(await step.wait_for_callback("cb", lambda url: pytest.fail("handed out"), **more))

    assert (await attempt(gateway, handler)).is_completed and results == [expected]


async def test_a_callback_is_handed_out_once_and_before_it_parks(gateway: ScriptedGateway) -> None:
    urls: list[str] = []

    async def hand_out(url: str) -> None:
        urls.append(url)

    async def handler() -> None:
        await step.wait_for_callback("signed", hand_out, timeout=60)

    assert (await attempt(gateway, handler)).is_suspended
    assert gateway.said == ["PUT signed callback", "PUT signed handed out completed"]
    assert gateway.calls[1].url.endswith("/steps/signed%20handed%20out") and urls == ["https://gw.test/_durable/v1/callbacks/c"]

    gateway.store("signed handed out", b"")
    assert (await attempt(gateway, handler)).is_suspended and len(urls) == 1


async def test_a_hand_out_that_failed_for_good_is_the_callbacks_failure(gateway: ScriptedGateway) -> None:
    gateway.store("signed handed out", {"title": "no mail"}, failed=True)

    async def handler() -> None:
        await step.wait_for_callback("signed", lambda url: pytest.fail("handed out"))

    verdict = await attempt(gateway, handler)
    assert json.loads(verdict.problem or b"")["step"] == "signed handed out" and gateway.said == ["GET None completed"]


async def test_invoking(gateway: ScriptedGateway) -> None:
    gateway.answer("bill", stored({"number": 7}))
    results: list[Any] = []

    async def handler() -> None:
        results.append(await step.invoke("bill", "/customers/1 ä/invoices?dry=1", {"total": 3}, method="PUT"))

    await attempt(gateway, handler)
    call = gateway.calls[0]
    assert results == [{"number": 7}] and json.loads(call.body) == {"total": 3}
    assert (call.headers["Durable-Invoke-Path"], call.headers["Durable-Invoke-Method"]) == ("/customers/1%20%C3%A4/invoices?dry=1", "PUT")


@pytest.mark.parametrize("path", ["", "invoices", "//other/x", "/a#b"])
async def test_a_path_that_is_none_is_refused(gateway: ScriptedGateway, path: str) -> None:
    async def handler() -> None:
        with pytest.raises(ValueError):
            await step.invoke("bill", path)

    await attempt(gateway, handler)


async def test_a_body_that_the_invoked_route_does_not_take_fails_the_step(gateway: ScriptedGateway) -> None:
    gateway.answer("bill", problem("request-too-large", 413), status(201))

    async def handler() -> None:
        await step.invoke("bill", "/x", b"x" * 100)

    verdict = await attempt(gateway, handler)
    assert gateway.said == ["PUT bill invoke", "PUT bill failed final"] and verdict.headers == (("Durable-Retry", "?0"),)


async def test_sending_an_event(gateway: ScriptedGateway) -> None:
    results: list[Any] = []

    async def handler() -> None:
        results.append(await step.send_event("tell", "order.paid", key="o-1", data={"amount": 9}))
        results.append(await step.send_event("tell", "order.paid", data=b"\x00"))

    await attempt(gateway, handler)
    first, _, second, _ = gateway.calls
    assert results == [1, 1] and first.url == "http://gw1.test:8081/_durable/v1/events"
    assert json.loads(first.body) == {
        "specversion": "1.0", "id": f"{RUN_ID}/tell", "source": f"/_durable/v1/runs/{RUN_ID}", "type": "order.paid", "subject": "o-1",
        "datacontenttype": "application/json", "data": {"amount": 9},
    }  # fmt: skip
    assert json.loads(second.body)["data_base64"] == "AA==" and json.loads(second.body)["id"] == f"{RUN_ID}/tell#2"
    assert gateway.said[1] == "PUT tell completed" and gateway.calls[1].body == b"1"


async def test_an_event_that_is_refused_fails_for_good(gateway: ScriptedGateway) -> None:
    gateway.answer("POST", problem("event-too-large", 413))

    async def handler() -> None:
        await step.send_event("tell", "order.paid")

    await attempt(gateway, handler)
    assert gateway.said == ["POST None completed", "PUT tell failed final"]


async def test_mismatches_are_told(gateway: ScriptedGateway) -> None:
    gateway.store("charge", 1)
    gateway.store("nap", b"", kind="sleep")
    gateway.store("größe", 1)

    async def handler() -> None:
        await step.run("nap", lambda: 1)

    verdict = await attempt(gateway, handler, build="2026-11-23.4 ä")
    assert verdict.headers == (
        ("Durable-Build", '"2026-11-23.4%20%C3%A4"'),
        ("Durable-Mismatch", '"charge";unused, "nap";stored=sleep;asked=run, "gr%C3%B6%C3%9Fe";unused'),
    )


async def test_a_handler_with_open_branches_has_no_unused_steps(gateway: ScriptedGateway) -> None:
    gateway.store("later", 1)

    async def handler() -> None:
        waiting = asyncio.ensure_future(step.sleep("nap", 9))
        await asyncio.sleep(0)
        await step.run("one", lambda: 1)
        assert not waiting.done()

    verdict = await attempt(gateway, handler)
    assert verdict.is_completed and verdict.headers == ()


async def test_a_build_is_told_with_each_step(gateway: ScriptedGateway) -> None:
    async def handler() -> None:
        await step.run("one", lambda: 1)

    await attempt(gateway, handler, build="7")
    assert gateway.calls[0].headers["Durable-Build"] == '"7"'


async def test_steps_do_not_nest(gateway: ScriptedGateway) -> None:
    async def inner() -> None:
        await step.run("inner", lambda: 1)

    async def handler() -> None:
        await step.run("outer", inner)

    verdict = await attempt(gateway, handler)
    assert verdict.headers == (("Durable-Retry", "?0"),) and gateway.calls == []


async def test_results_that_are_no_data_are_refused(gateway: ScriptedGateway) -> None:
    async def handler() -> None:
        with pytest.raises(StepUsageError, match="returns="):
            await step.run("one", lambda: object())

    await attempt(gateway, handler)


async def test_without_an_attempt_a_step_says_what_to_do() -> None:
    with pytest.raises(StepUsageError, match="middleware"):
        await step.run("one", lambda: 1)


async def test_ten_thousand_steps(gateway: ScriptedGateway) -> None:
    for i in range(10_000):
        gateway.store(f"s#{i + 1}" if i else "s", i)
    results: list[int] = []

    async def handler() -> None:
        for _ in range(10_000):
            results.append(await step.run("s", lambda: pytest.fail("executed")))

    assert (await attempt(gateway, handler)).is_completed
    assert results == list(range(10_000)) and len(gateway.calls) == 1
