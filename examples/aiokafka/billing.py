"""Reads orders and writes an invoice for each: `python billing.py localhost:9092`."""

import asyncio
import json
import sys

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer


async def run(bootstrap_servers: str) -> None:
    """Bill orders until cancelled."""
    consumer = AIOKafkaConsumer(
        "orders", bootstrap_servers=bootstrap_servers, group_id="billing", auto_offset_reset="earliest"
    )
    async with AIOKafkaProducer(bootstrap_servers=bootstrap_servers) as producer, consumer:
        async for message in consumer:
            order = json.loads(message.value)
            invoice = {"order": order["id"], "total": order["price"] * order["count"]}
            await producer.send_and_wait("invoices", json.dumps(invoice).encode(), message.key)


if __name__ == "__main__":
    asyncio.run(run(sys.argv[1]))
