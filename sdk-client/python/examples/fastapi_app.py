from __future__ import annotations

from fastapi import FastAPI

from durable_gateway import step
from durable_gateway.asgi import DurableMiddleware

from .shop import Order, shop

app = FastAPI()
app.add_middleware(DurableMiddleware)


@app.post("/checkout")
async def checkout(order: Order) -> dict[str, object]:
    charge = await step.run("charge", shop.charge, order)
    label = await step.run("label", shop.label, order, charge)
    return {"charge": charge.id, "tracking": label.tracking_number}
