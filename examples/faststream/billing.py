"""Reads orders and writes an invoice for each: `faststream run billing:build --factory`."""

import os

from faststream import FastStream
from faststream.kafka import KafkaBroker, KafkaRouter
from pydantic import BaseModel

router = KafkaRouter()


class Order(BaseModel):
    id: int
    price: int
    count: int


class Invoice(BaseModel):
    order: int
    total: int


@router.subscriber("orders", group_id="billing", auto_offset_reset="earliest")
@router.publisher("invoices")
async def bill(order: Order) -> Invoice:
    return Invoice(order=order.id, total=order.price * order.count)


def build(bootstrap_servers: str | None = None) -> FastStream:
    """Return the program for a cluster, by default the one that $KAFKA names."""
    broker = KafkaBroker(bootstrap_servers or os.environ["KAFKA"])
    broker.include_router(router)
    return FastStream(broker)
