"""The pieces of the README, each as a handler that a test executes."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from durable_gateway import NonRetryableError, StepFailedError, step
from durable_gateway.sync import step as sync_step

from .shop import Charge, Decision, Order, Payment, shop


async def compensating(order: Order) -> str:
    charge = await step.run("charge", shop.charge, order)
    try:
        await step.run("label", shop.label, order, charge)
    except StepFailedError:
        await step.run("refund", shop.refund, charge)
        return "We cannot ship there."
    return "shipped"


def decline(code: str) -> None:
    raise NonRetryableError(f"The acquirer answered {code}.", client_message="Your card was declined.")


async def declared(order: Order) -> Charge:
    charge = await step.run("charge", lambda: Charge(1, order.total), returns=Charge)
    return charge


async def in_parallel() -> list[str]:
    flight, hotel = await asyncio.gather(
        step.run("flight", shop.reserve, "flight"),
        step.run("hotel", shop.reserve, "hotel"),
    )
    return [flight, hotel]


def in_threads() -> list[Any]:
    flight, hotel = sync_step.parallel(
        lambda: sync_step.run("flight", lambda: "F"),
        lambda: sync_step.run("hotel", lambda: "H"),
    )
    return [flight, hotel]


async def summing_up(notes: str) -> str:
    answer = await step.ai.wrap("summary", shop.generate, model="gpt-4o", prompt=f"Sum up: {notes}")
    return str(answer["text"])


def poll(job: str) -> bool:
    while not shop.is_done(job):
        if sync_step.cancelled.wait(1):
            raise TimeoutError(f"Job {job} is not done.")
    return True


def polling(job: str) -> bool:
    return sync_step.run("job", poll, job, timeout=timedelta(minutes=1))


async def patient(order: Order) -> str:
    paid = asyncio.create_task(step.wait_for_event("paid", "order.paid", key=order.id))
    late = asyncio.create_task(step.sleep("patience", timedelta(days=3)))
    done, _ = await asyncio.wait({paid, late}, return_when=asyncio.FIRST_COMPLETED)
    if paid not in done:
        return "Nobody has paid."
    return "paid"


async def check_out(order: Order) -> str:
    await step.run("hold", shop.reserve, order.id)
    payment = await step.wait_for_event("paid", "order.paid", key=order.id, timeout=timedelta(days=3), returns=Payment)
    if payment is None:
        return "Nobody has paid."
    await step.sleep("cool-down", timedelta(days=7))
    await step.send_event("tell", "order.shipped", key=order.id)
    return f"shipped {order.id} for {payment.amount:g}"


async def pay(payment: Payment) -> dict[str, int]:
    woken = await step.send_event("tell", "order.paid", key=payment.order_id, data=payment)
    return {"woken": woken}


async def approving(order: Order) -> str:
    decision = await step.wait_for_callback(
        "approve",
        lambda url: shop.mail(order.approver, f"Answer by POST to {url}"),
        timeout=timedelta(days=7),
        returns=Decision,
    )
    return "approved" if decision is not None and decision.approved else "refused"


async def billing(order: Order) -> Any:
    invoice = await step.invoke("bill", f"/customers/{order.customer}/invoices", {"order": order.id, "total": order.total})
    return invoice


async def fetching(url: str) -> Any:
    response = await step.fetch("rate", f"{url}/eur")
    rate = response.json()
    return rate


async def optioned(order: Order, charge: Charge) -> Any:
    label = await step.run(
        "label", shop.label, order, charge,
        max_attempts=3, retry_delay=1.5, max_retry_delay=timedelta(minutes=1), backoff="exponential", timeout=20,
    )  # fmt: skip
    return label.tracking_number


async def at_most_once(order: Order) -> int:
    charge = await step.run("charge", shop.charge, order, at_most_once=True)
    return charge.id


async def undoing() -> str:
    flight = await step.run("flight", shop.reserve, "flight")
    step.on_rollback("cancel flight", shop.cancel, flight)
    hotel = await step.run("hotel", shop.reserve, "hotel")
    step.on_rollback("cancel hotel", shop.cancel, hotel)
    await step.run("pay", decline, "05")
    return "booked"
