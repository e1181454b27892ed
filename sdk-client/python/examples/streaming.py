from __future__ import annotations

from typing import Any, AsyncIterator

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route

from durable_gateway import DurableOptions
from durable_gateway.asgi import DurableMiddleware


async def progress(request: Request) -> Any:
    async def events() -> AsyncIterator[str]:
        last = int(request.headers.get("last-event-id", 0))
        for number in range(last + 1, 11):
            yield f"id: {number}\ndata: part {number}\n\n"

    return StreamingResponse(events(), media_type="text/event-stream", headers={"Durable-Stream": "resume"})


app = DurableMiddleware(Starlette(routes=[Route("/progress", progress)]), DurableOptions(build="2026-11-23.4"))
