from __future__ import annotations

from typing import Any

from flask import Flask, request

from durable_gateway.flask import Durable
from durable_gateway.sync import step

from .shop import shop

app = Flask(__name__)
Durable(app)


@app.post("/checkout")
def checkout() -> dict[str, Any]:
    charge = step.run("charge", shop.charge_blocking, request.get_json())
    return {"charge": charge["id"]}
