from __future__ import annotations

import shelve
from typing import Any

from durable_gateway.client import Progress, durable_fetch


async def order(url: str) -> Any:
    def show(progress: Progress) -> None:
        print(progress.step, progress.state)

    response = await durable_fetch(f"{url}/orders", json={"item": "x"}, on_progress=show)
    return response.json()


async def order_once(url: str, file: str) -> Any:
    with shelve.open(file) as kept:
        response = await durable_fetch(f"{url}/orders", json={"item": "x"}, store=kept, store_key="order o-1")
    return response.json()
