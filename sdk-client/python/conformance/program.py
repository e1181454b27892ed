"""Interprets scenario programs (tests/conformance/PROGRAM.md)."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import os
from concurrent.futures import CancelledError
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, BinaryIO, Iterator, Optional

from durable_gateway import NonRetryableError, RetryAfterError, StepFailedError, egress_headers

from .journal import Journal
from .twins import Twin

Operation = dict[str, Any]

OPTIONS = {
    "atMostOnce": "at_most_once",
    "maxAttempts": "max_attempts",
    "delay": "retry_delay",
    "maxDelay": "max_retry_delay",
    "backoff": "backoff",
    "timeout": "timeout",
}


@dataclass
class Thing:
    """A type of the language's own."""

    id: int
    name: Optional[str] = None


class Respond(Exception):
    """Ends the handler with a response of its own."""

    def __init__(self, status: int, body: Any, headers: dict[str, str]) -> None:
        super().__init__(status)
        self.status = status
        self.body = body
        self.headers = headers


class Stream(Exception):
    """Ends the handler with a stream of events."""

    def __init__(self, events: int, exit_after: Optional[int]) -> None:
        super().__init__(events)
        self._events = events
        self._exit_after = exit_after

    headers = {"Content-Type": "text/event-stream", "Durable-Stream": "resume"}

    def parts(self, last: Optional[str]) -> Iterator[bytes]:
        """The events that the client does not have. One is asked for when the one before has been sent."""
        for id in range(int(last or 0) + 1, self._events + 1):
            yield f"id: {id}\ndata: part {id}\n\n".encode()
            if id == self._exit_after:
                os._exit(7)


class Program:
    """One execution of the handler."""

    def __init__(self, program: dict[str, Any], journal: Journal, twin: Twin) -> None:
        self._case: str = program["case"]
        self._do: list[Operation] = program["do"]
        self._journal = journal
        self._twin = twin
        self._execution = 0

    async def handle(self) -> tuple[int, dict[str, str], bytes]:
        info = self._twin.info()
        more = {"runId": info.id, "attempt": info.attempt} if info.is_durable else {}
        self._execution = self._journal.write(self._case, "handler", durable=info.is_durable, **more)
        try:
            values = await self._all(self._do)
            return 200, {}, json.dumps(values).encode()
        except Respond as e:
            return e.status, e.headers, json.dumps(e.body).encode()
        finally:
            self._journal.write(self._case, "end")

    async def _all(self, operations: list[Operation]) -> list[Any]:
        return [await self._one(each) for each in operations if self._execution in each.get("in", [self._execution])]

    async def _last(self, operations: list[Operation]) -> Any:
        values = await self._all(operations)
        return values[-1] if values else None

    async def _one(self, op: Operation) -> Any:
        return await getattr(self, f"_op_{op['op']}")(op)

    async def _op_run(self, op: Operation) -> Any:
        options = {OPTIONS[key]: value for key, value in op.get("options", {}).items()}
        if op.get("as") == "object":
            options["returns"] = Thing
        elif op.get("as") == "stream":
            options["returns"] = BinaryIO
        result = await self._twin.call("run", op["name"], self._twin.body(lambda: self._body(op)), **options)
        if isinstance(result, Thing):
            return {key: value for key, value in asdict(result).items() if value is not None}
        if hasattr(result, "read"):
            result = result.read()
        return {"bytes": base64.b64encode(result).decode()} if isinstance(result, bytes) else result

    async def _op_sleep(self, op: Operation) -> Any:
        return await self._twin.call("sleep", op["name"], op["seconds"])

    async def _op_sleepUntil(self, op: Operation) -> Any:
        return await self._twin.call("sleep_until", op["name"], datetime.fromisoformat(op["until"].replace("Z", "+00:00")))

    async def _op_event(self, op: Operation) -> Any:
        return await self._twin.call("wait_for_event", op["name"], op["type"], **_given(op, "key", "timeout", "lookback"))

    async def _op_callback(self, op: Operation) -> Any:
        async def hand_out(url: str) -> None:
            self._journal.write(self._case, "url", name=op["name"], value=url)
            self._fail(op, self._journal.write(self._case, "step", name=op["name"]) if "fail" in op else 0)

        urls: list[str] = []
        body = self._twin.body(lambda: hand_out(urls[-1]))

        def given(url: str) -> Any:
            urls.append(url)
            return body()

        return await self._twin.call("wait_for_callback", op["name"], given, **_given(op, "timeout"))

    async def _op_invoke(self, op: Operation) -> Any:
        result = await self._twin.call("invoke", op["name"], op["path"], op.get("body"), **_given(op, "method"))
        return json.loads(result) if isinstance(result, bytes) else result

    async def _op_send(self, op: Operation) -> Any:
        await self._twin.call("send_event", op["name"], op["type"], **_given(op, "key", "data"))

    async def _op_fetch(self, op: Operation) -> Any:
        response = await self._twin.fetch(op["name"], op["url"], lambda: self._journal.write(self._case, "step", name=op["name"]))
        return {"status": response.status, "body": response.text}

    async def _op_egress(self, op: Operation) -> Any:
        async def said() -> dict[str, str]:
            return {name.lower(): value for name, value in egress_headers().items()}

        return {"handler": await said(), "step": await self._twin.call("run", op["name"], self._twin.body(said))}

    async def _op_rollback(self, op: Operation) -> Any:
        options = {OPTIONS[key]: value for key, value in op.get("options", {}).items()}
        await self._twin.call("on_rollback", op["name"], self._twin.body(lambda: self._body(op)), **options)

    async def _op_parallel(self, op: Operation) -> Any:
        return await self._twin.parallel([lambda branch=branch: self._last(branch) for branch in op["branches"]])  # type: ignore[misc]

    async def _op_first(self, op: Operation) -> Any:
        return await self._twin.first([lambda branch=branch: self._last(branch) for branch in op["branches"]])  # type: ignore[misc]

    async def _op_repeat(self, op: Operation) -> Any:
        value = None
        for _ in range(op["times"]):
            value = await self._last(op["do"])
        return value

    async def _op_try(self, op: Operation) -> Any:
        try:
            return await self._last(op["do"])
        except StepFailedError as e:
            return {"failed": e.step, "type": e.problem.type, "then": await self._last(op.get("catch", []))}

    async def _op_throw(self, op: Operation) -> Any:
        self._raise(op.get("fail", op), self._execution)

    async def _op_work(self, op: Operation) -> Any:
        await self._twin.sleep(op["ms"] / 1000)

    async def _op_respond(self, op: Operation) -> Any:
        raise Respond(op["status"], op.get("body"), op.get("headers", {}))

    async def _op_stream(self, op: Operation) -> Any:
        exits = "exit" in op and self._execution <= op["exit"].get("times", self._execution)
        raise Stream(op["events"], op["exit"]["after"] if exits else None)

    async def _op_exit(self, op: Operation) -> Any:
        os._exit(7)

    async def _op_nested(self, op: Operation) -> Any:
        async def inner() -> Any:
            self._journal.write(self._case, "step", name=op["inner"])

        async def outer() -> Any:
            self._journal.write(self._case, "step", name=op["name"])
            return await self._twin.call("run", op["inner"], self._twin.body(inner))

        return await self._twin.call("run", op["name"], self._twin.body(outer))

    async def _body(self, op: Operation) -> Any:
        count = self._journal.write(self._case, "step", name=op["name"])
        if "ms" in op:
            await self._twin.sleep(op["ms"] / 1000)
        if "after" in op:
            for _ in range(1000):
                if self._journal.has_step(self._case, op["after"]):
                    break
                await self._twin.sleep(0.005)
        if op.get("hold"):
            try:
                await self._twin.hold(10)
            except (asyncio.CancelledError, CancelledError):
                self._journal.write(self._case, "released", name=op["name"])
                raise
        if "exit" in op and count <= op["exit"].get("times", count):
            os._exit(7)
        self._fail(op, count)
        if "size" in op:
            return "x" * op["size"]
        if "bytes" in op:
            content = base64.b64decode(op["bytes"])
            return io.BytesIO(content) if op.get("as") == "stream" else content
        if op.get("as") == "object":
            return Thing(**op["result"])
        return op.get("result")

    def _fail(self, op: Operation, count: int) -> None:
        if "fail" in op:
            self._raise(op["fail"], count)

    @staticmethod
    def _raise(failure: dict[str, Any], count: int) -> None:
        if count > failure.get("times", count):
            return
        kind, message = failure.get("kind", "error"), failure.get("message", "it failed")
        if kind == "final":
            raise NonRetryableError(message, client_message=failure.get("clientMessage"))
        if kind == "later":
            raise RetryAfterError(failure.get("seconds", 0), message)
        raise RuntimeError(message)


def unknown_operation(operations: Any) -> Optional[str]:
    """The first operation of a program that is not known."""
    if isinstance(operations, list):
        return next((found for found in map(unknown_operation, operations) if found), None)
    if not isinstance(operations, dict):
        return None
    if not hasattr(Program, f"_op_{operations.get('op')}"):
        return str(operations.get("op"))
    return next((found for key in ("do", "catch", "branches") for found in [unknown_operation(operations.get(key))] if found), None)


def _given(op: Operation, *names: str) -> dict[str, Any]:
    return {name: op[name] for name in names if name in op}
