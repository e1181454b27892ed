"""What a shop calls. Stand-ins: they only note that they were called."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Optional


@dataclass
class Order:
    id: str
    total: float = 9.0
    approver: str = "boss@example.com"
    customer: str = "c-1"


@dataclass
class Charge:
    id: int
    amount: float


@dataclass
class Label:
    tracking_number: str


@dataclass
class Payment:
    order_id: str
    amount: float


@dataclass
class Decision:
    approved: bool


@dataclass
class Calls:
    made: list[str] = field(default_factory=list)
    failing: Optional[Exception] = None

    async def charge(self, order: Order) -> Charge:
        self.made.append(f"charge {order.id}")
        return Charge(1, order.total)

    async def label(self, order: Order, charge: Charge) -> Label:
        self.made.append(f"label {order.id}")
        if self.failing is not None:
            raise self.failing
        return Label(f"T-{charge.id}")

    async def refund(self, charge: Charge) -> None:
        self.made.append(f"refund {charge.id}")

    async def mail(self, to: str, text: str) -> None:
        self.made.append(f"mail {to}")

    async def reserve(self, what: str) -> str:
        self.made.append(f"reserve {what}")
        return what.upper()

    async def cancel(self, what: str) -> None:
        self.made.append(f"cancel {what}")

    async def generate(self, model: str, prompt: str) -> dict[str, Any]:
        self.made.append(f"generate {model}")
        return {"text": prompt[:7], "usage": {"input_tokens": 10, "output_tokens": 2}}

    def charge_blocking(self, order: dict[str, Any]) -> dict[str, Any]:
        self.made.append("charge")
        return {"id": 1}

    def is_done(self, job: str) -> bool:
        self.made.append(f"job {job}")
        return True


shop = Calls()
